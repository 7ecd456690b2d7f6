"""Which of several prices holds, in words: for staff who save one that overlaps with others, and for a model's page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Q

from analytics.models import ModelPrice
from analytics.price_book import names, revisions
from analytics.price_book.edits import say_moment, say_span
from analytics.price_book.entries import PriceEntry
from analytics.usage import TokenUsage
from orgs.models import Organization

MOST_ORGANIZATIONS = 20
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Holding:
    """Which price holds from a moment on, as far as everybody or one organization goes. No entry: none does."""

    starts_at: datetime | None
    entry: PriceEntry | None


def say_overlaps(price: ModelPrice) -> list[str]:
    """What holds, this price or another one, wherever both are in force."""
    model, provider = price.model.strip().lower(), price.provider.strip().lower()
    rows = ModelPrice.objects.filter(provider=provider).filter(Q(model=model) | Q(model__startswith=f"{model}-"))
    rows = rows.exclude(pk=price.pk).select_related("organization").order_by("organization_id", "effective_from")
    found = []
    for row in rows:
        if _overlap(price, row):
            found += [text] if (text := _say(price, row, model)) else []
    if names.find_listed(provider, model):
        found.append("It goes before the bundled list's price of this model, for as long as it holds.")
    else:
        found.append("The bundled list has no price under this name.")
    return found[:MOST_ORGANIZATIONS]


def _say(price: ModelPrice, row: ModelPrice, model: str) -> str:
    """ "" where the two have nothing to do with each other."""
    if row.model != model:
        is_form = names.is_dated(row.model) and names.without_date(price.provider, row.model) == model
        is_same_owner = row.organization_id == price.organization_id
        what = f"Requests that {row.model} answers keep the price under that name, {say_span(row)}."
        return what if is_form and is_same_owner else ""
    if row.organization_id != price.organization_id:
        if price.organization_id is None:
            return f"For {_name(row)}, its own price goes before this one: {say_span(row)}."
        return f"It goes before the price for everybody, {say_span(row)}." if row.organization_id is None else ""
    both = f"Of two prices in force the one that began later holds: while both are, {{}} ({say_span(row)})."
    return both.format("this one, not the other" if price.effective_from > row.effective_from else "the other one")


def _name(row: ModelPrice) -> str:
    return row.organization.name if row.organization is not None else "everybody"


def _overlap(one: ModelPrice, other: ModelPrice) -> bool:
    begins = other.effective_until is None or one.effective_from < other.effective_until
    return begins and (one.effective_until is None or other.effective_from < one.effective_until)


def list_holdings(provider: str, model: str) -> Iterator[tuple[Organization | None, list[Holding]]]:
    """For everybody (None), then for each organization with a price of its own: what holds when, the earliest first."""
    book = revisions.current()
    rows = list(ModelPrice.objects.filter(provider=provider, model=model).select_related("organization"))
    owners = {row.organization_id: row.organization for row in rows if row.organization is not None}
    chosen = [None, *sorted(owners.values(), key=lambda one: one.name.lower())[:MOST_ORGANIZATIONS]]
    for owner in chosen:
        owner_id = 0 if owner is None else owner.pk
        moments = {moment for row in rows for moment in (row.effective_from, row.effective_until) if moment}
        found: list[Holding] = []
        at: datetime | None = _BEGINNING
        while at is not None:
            entry = book.find_entry(provider, model, at, TokenUsage(), owner_id)
            if not found or found[-1].entry != entry:
                found.append(Holding(None if at == _BEGINNING else at, entry))
            ends = [entry.effective_until] if entry is not None and entry.effective_until is not None else []
            at = min((moment for moment in (*moments, *ends) if moment > at), default=None)
        yield owner, found


def say_start(holding: Holding) -> str:
    return "as far back as prices go" if holding.starts_at is None else f"since {say_moment(holding.starts_at)}"
