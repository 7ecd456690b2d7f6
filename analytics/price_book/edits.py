"""One change of the price book, whatever it is of: the revision is raised, what was done is written down, and what
`analytics.price_changes` has to do is noted, in one transaction.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from analytics.models import Discount, ModelPrice, PriceChange, PriceEdit, PriceEditLine
from analytics.models.price_edits import say_percent
from analytics.models.prices import RATE_COLUMNS
from analytics.price_book import revisions
from analytics.price_book.scope import Scope
from orgs.services import audit

Row = ModelPrice | Discount
# What an organization's owners read in their audit log.
_ACTIONS = {
    PriceEdit.Kind.PRICE_SAVED: "organization.price_saved",
    PriceEdit.Kind.PRICE_DELETED: "organization.price_deleted",
    PriceEdit.Kind.IMPORTED: "organization.prices_imported",
    PriceEdit.Kind.DISCOUNT_SAVED: "organization.discount_saved",
    PriceEdit.Kind.DISCOUNT_DELETED: "organization.discount_deleted",
}
# Scopes by model look wider than their model. Beyond so many, going through all of a provider's records once is less.
_MOST_SCOPES = 8
_KEPT_OF_ALL = ("effective_from", "effective_until", "note")


class Step(msgspec.Struct, frozen=True):
    """A row before and after the change. Neither is the row that was saved: what it had then is copied."""

    before: Row | None
    after: Row | None


@transaction.atomic
def change(
    *, kind: PriceEdit.Kind, by: AbstractBaseUser | None, write: Callable[[], Sequence[Step]], subject: str = ""
) -> PriceEdit | None:
    """`write` changes the rows under the lock, and returns what it changed. None when that is nothing."""
    revision = revisions.raise_revision()
    steps = write()
    if not steps:
        return None
    edit = PriceEdit.objects.create(
        revision=revision,
        kind=kind,
        subject=subject or _say_subject(steps[-1]),
        organization_id=_owner_of(steps),
        created_by_id=None if by is None else by.pk,
    )
    PriceEditLine.objects.bulk_create((_line_of(step, edit) for step in steps), batch_size=500)
    PriceChange.objects.bulk_create(
        PriceChange(edit=edit, revision=revision, **msgspec.structs.asdict(scope)) for scope in scopes_of(steps)
    )
    _tell_owners(steps, kind, by)
    return edit


def _tell_owners(steps: Sequence[Step], kind: PriceEdit.Kind, by: AbstractBaseUser | None) -> None:
    """Of each organization whose own prices were changed."""
    owned: dict[int, list[Step]] = {}
    for step in steps:
        for pk in {row.organization_id for row in (step.before, step.after) if row is not None}:
            if pk is not None:
                owned.setdefault(pk, []).append(step)
    for pk, found in owned.items():
        target = _say_subject(found[0]) + (f" and {len(found) - 1:,} more" if len(found) > 1 else "")
        audit.record(organization_id=pk, action=_ACTIONS[kind], target=target, by=by)


def scopes_of(steps: Iterable[Step]) -> list[Scope]:
    """Which records the steps concern: those of the rows before and of the rows after."""
    rows = (row for step in steps for row in (step.before, step.after) if row is not None)
    scopes = list(dict.fromkeys(Scope.of(row) for row in rows))
    if len(scopes) <= _MOST_SCOPES:
        return scopes
    wide: dict[tuple[str, int | None], Scope] = {}
    for scope in scopes:
        name = (scope.provider, scope.organization_id)
        wide[name] = scope.joined(wide.get(name, scope))
    return list(wide.values())


def _say_subject(step: Step) -> str:
    """ "openai gpt-4o, from 1 March 2026". Not whose: the name of an organization is to be forgotten with it."""
    row = step.after or step.before
    assert row is not None
    if isinstance(row, Discount):
        return f"{say_percent(row.basis_points)} at {row.provider or 'all providers'}, {say_span(row)}"
    return f"{row.provider} {row.model}, {say_span(row)}"


def _owner_of(steps: Sequence[Step]) -> int | None:
    owners = {row.organization_id for step in steps for row in (step.before, step.after) if row is not None}
    return owners.pop() if len(owners) == 1 else None


def say_span(row: Row) -> str:
    start = f"from {say_moment(row.effective_from)}"
    return start if row.effective_until is None else f"{start} until {say_moment(row.effective_until)}"


def say_moment(at: datetime) -> str:
    """In UTC, in which price lists change; a midnight as its day."""
    is_midnight = (at.hour, at.minute, at.second) == (0, 0, 0)
    return at.strftime("%-d %B %Y" if is_midnight else "%-d %B %Y, %H:%M UTC")


def _line_of(step: Step, edit: PriceEdit) -> PriceEditLine:
    row = step.after or step.before
    assert row is not None
    return PriceEditLine(
        edit=edit,
        provider=row.provider,
        model=row.model if isinstance(row, ModelPrice) else "",
        organization_id=row.organization_id,
        before=None if step.before is None else _facts_of(step.before),
        after=None if step.after is None else _facts_of(step.after),
    )


def _facts_of(row: Row) -> dict[str, Any]:
    names = RATE_COLUMNS.values() if isinstance(row, ModelPrice) else ("basis_points",)
    values = {name: getattr(row, name) for name in (*names, *_KEPT_OF_ALL)}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
        if value not in (None, "")
    }
