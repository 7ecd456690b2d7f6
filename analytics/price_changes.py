"""What a change of prices still has to do to posted records: noted together with the change, done in the background,
taken up again where it stopped when the process that did it is gone.

Two things change prices: staff save or delete one (`analytics.price_book.services` notes it), and a release comes with
another bundled list (`notice_new_list`). Either raises the revision. The records that the change concerns and that bear
an older revision are behind; `analytics.repricing` prices them by the book as it is then.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial

import msgspec
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from analytics import repricing
from analytics.models import LedgerRecord, PriceBookRevision, PriceChange, PriceEdit, PriceEffect
from analytics.partitions.reading import began
from analytics.price_book import entries, revisions
from analytics.price_book.scope import Scope
from analytics.pricing import Cost
from analytics.repricing import Figures, Witness
from orgs.models import Organization

logger = logging.getLogger(__name__)

# For so long after its last step a change is taken to be in good hands. Two at the same one would do no harm.
_CLAIM = timedelta(seconds=45)


def catch_up(*, seconds: float = float("inf")) -> bool:
    """Do what is left to do, for about so long. False when nothing is, or others are at it."""
    deadline = time.monotonic() + seconds
    while (change := _claim()) is not None:
        for done_organization_id, done_until in _carry_out(change):
            PriceChange.objects.filter(pk=change.pk).update(
                done_organization_id=done_organization_id, done_until=done_until, claimed_until=timezone.now() + _CLAIM
            )
            if time.monotonic() >= deadline:
                PriceChange.objects.filter(pk=change.pk).update(claimed_until=None)
                return True
        PriceChange.objects.filter(pk=change.pk).delete()
        note_finished()
    return False


def is_behind() -> bool:
    """Whether some records may not have the price yet that holds for them."""
    return PriceChange.objects.exists()


def notice_new_list() -> bool:
    """Whether the bundled list is a newer one than that by which all records are, or are about to be, priced.

    Then it is noted that all of them are behind. An older list changes nothing: during an upgrade, processes of both
    releases look.
    """
    if not _is_newer(PriceBookRevision.objects.values_list("list_edition", flat=True).first() or ""):
        return False
    with transaction.atomic():
        revision = revisions.raise_revision()
        if not _is_newer(PriceBookRevision.objects.values_list("list_edition", flat=True).get()):
            return False
        PriceBookRevision.objects.update(list_edition=entries.list_edition())
        if not LedgerRecord.objects.exists():
            return False
        # Whatever an earlier list has left to do is done with this one.
        PriceChange.objects.filter(provider="", model="", organization_id=None).delete()
        subject = f"genai-prices {entries.list_version()}"
        edit = PriceEdit.objects.create(revision=revision, kind=PriceEdit.Kind.NEW_LIST, subject=subject)
        PriceChange.objects.create(edit=edit, revision=revision)
    logger.warning("The bundled price list is %s now: all records are priced again.", entries.list_edition())
    return True


def note_all_repriced(revision: int) -> None:
    """After every record was priced by the book of this revision or later ones: what brought it here is done."""
    PriceChange.objects.filter(revision__lte=revision).delete()
    note_finished()
    PriceBookRevision.objects.update(list_edition=entries.list_edition())


@transaction.atomic
def note_command(*, subject: str, organization_id: int | None, by: AbstractBaseUser | None) -> PriceEdit:
    """`manage.py reprice` begins, `subject` says with which records. What it changes is told by `witness_of`."""
    return PriceEdit.objects.create(
        revision=revisions.raise_revision(),
        kind=PriceEdit.Kind.ON_COMMAND,
        subject=subject,
        organization_id=organization_id,
        created_by_id=None if by is None else by.pk,
    )


def witness_of(edit: PriceEdit) -> Witness:
    return partial(_note_effects, edit.pk)


def note_command_finished(edit: PriceEdit) -> None:
    PriceEdit.objects.filter(pk=edit.pk).update(finished_at=timezone.now())


def note_finished() -> None:
    """Write down of which edits nothing is left to do. A process that died before it did is made up for by the next."""
    left = PriceChange.objects.exclude(edit=None).values("edit")
    open_edits = PriceEdit.objects.filter(finished_at=None).exclude(kind=PriceEdit.Kind.ON_COMMAND)
    open_edits.exclude(pk__in=left).update(finished_at=timezone.now())


def _is_newer(edition: str) -> bool:
    return entries.order_of(entries.list_edition()) > entries.order_of(edition)


def _claim() -> PriceChange | None:
    """The oldest change that nobody is at."""
    now = timezone.now()
    free = PriceChange.objects.filter(Q(claimed_until=None) | Q(claimed_until__lt=now))
    for pk in free.order_by("pk").values_list("pk", flat=True):
        if free.filter(pk=pk).update(claimed_until=now + _CLAIM):
            return PriceChange.objects.filter(pk=pk).first()
    return None


def _carry_out(change: PriceChange) -> Iterator[tuple[int, datetime | None]]:
    """Price what is behind, from where it stopped. Yields how far it is: an organization, and a start in it."""
    wanted = Organization.objects.filter(pk__gte=change.done_organization_id).order_by("pk")
    if change.organization_id is not None:
        wanted = wanted.filter(pk=change.organization_id)
    condition = Scope.of_change(change).condition() & Q(price_revision__lt=change.revision)
    for organization_id in list(wanted.values_list("pk", flat=True)):
        since = change.done_until if organization_id == change.done_organization_id else None
        remaining = condition if since is None else condition & began(since)
        witness = None if change.edit_id is None else partial(_note_effects, change.edit_id)
        for done_until in repricing.steps(organization_id=organization_id, condition=remaining, witness=witness):
            yield organization_id, done_until
        yield organization_id + 1, None


def _note_effects(edit_id: int, changes: Sequence[tuple[LedgerRecord, Cost]]) -> None:
    """Add what a chunk changed to the effects of its edit: in its transaction, so that each change is in once."""
    months: dict[tuple[int, date], Figures] = defaultdict(Figures)
    edit = PriceEdit.objects.select_for_update().get(pk=edit_id)  # so that no two add at once
    total = msgspec.convert(edit.figures, Figures)
    for row, cost in changes:
        total.note(row, cost)
        months[row.organization_id, row.local_day.replace(day=1)].note(row, cost)
    edit.figures = msgspec.to_builtins(total)
    edit.save(update_fields=["figures"])
    for (organization_id, month), figures in months.items():
        name = {"edit_id": edit_id, "organization_id": organization_id, "month": month}
        effect = PriceEffect.objects.filter(**name).first() or PriceEffect(**name, figures={})
        figures.add(msgspec.convert(effect.figures, Figures))
        effect.figures = msgspec.to_builtins(figures)
        effect.save()
