"""What a change of prices would do to past costs is what it then does, to the last pico-USD."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import price_book, price_changes, price_preview
from analytics.models import DailyUsage, Discount, LedgerRecord, ModelPrice, PriceEdit, PriceEffect
from analytics.price_book import revisions
from analytics.usage import OtherModelUsage, TokenUsage
from orgs.models import ApiKey
from tests.analytics.repriced import LONG_AGO, NEW_COST, NEW_RATES, posted
from tests.analytics.usage_lines import NOON, USUAL_COST, make_record, post
from tests.factories import make_key

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

Row = ModelPrice | Discount
Months = dict[tuple[int, Any], tuple[int, int, int, int, int]]


@pytest.fixture
def key() -> ApiKey:
    return make_key()[0]


def price_of(model: str = "gpt-4o", **fields: Any) -> ModelPrice:
    return ModelPrice(**({"provider": "openai", "model": model, "effective_from": LONG_AGO, **NEW_RATES} | fields))


def foreseen(preview: price_preview.Preview) -> Months:
    return {
        name: (one.changed_count, one.newly_priced_count, one.newly_unpriced_count, one.before, one.after)
        for name, one in preview.months.items()
    }


def effects(edit: PriceEdit) -> Months:
    names = ("changed_count", "newly_priced_count", "newly_unpriced_count", "before", "after")
    return {
        (one.organization_id, one.month): tuple(one.figures[name] for name in names)
        for one in PriceEffect.objects.filter(edit=edit)
    }


def apply(row: Row, *, is_deleted: bool = False) -> PriceEdit:
    if isinstance(row, Discount):
        (price_book.delete_discount if is_deleted else price_book.save_discount)(discount=row)
    else:
        (price_book.delete_price if is_deleted else price_book.save_price)(price=row)
    price_changes.catch_up()
    return PriceEdit.objects.latest("revision")


def ledger() -> list[tuple[Any, ...]]:
    return list(LedgerRecord.objects.order_by("pk").values_list("pk", "cost_pico_usd", "price_revision"))


def test_a_preview_tells_each_month_of_each_organization_and_writes_nothing(key: ApiKey) -> None:
    other = make_key()[0]
    for one in (key, other):
        post(*(make_record(one, at=NOON - timedelta(days=30 * month), model="gpt-4o") for month in (0, 1, 1)))
    posted(key, model="gpt-99")
    posted(key, model="gpt-4o-mini")
    before = ledger()

    known = price_preview.look(price_book.propose(saved=[price_of()]))
    new = price_preview.look(price_book.propose(saved=[price_of("gpt-99", organization_id=key.organization_id)]))

    february, january = NOON.date().replace(day=1), NOON.date().replace(month=1, day=1)
    assert foreseen(known) == {
        (one.organization_id, month): (count, 0, 0, count * USUAL_COST, count * NEW_COST)
        for one in (key, other)
        for month, count in ((february, 1), (january, 2))
    }
    assert foreseen(new) == {(key.organization_id, february): (1, 1, 0, 0, NEW_COST)}
    assert known.stop is None
    assert ledger() == before
    assert not ModelPrice.objects.exists()
    assert not PriceEdit.objects.exists()


def test_a_preview_that_is_only_a_part_says_so(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_preview, "CHUNK", 2)
    make_key()
    post(*(make_record(key, at=NOON + timedelta(seconds=number)) for number in range(5)))
    proposal = price_book.propose(saved=[price_of()])

    part = price_preview.look(proposal, most_records=2)
    nothing = price_preview.look(proposal, most_seconds=0)

    assert part.stop == price_preview.Stop(key.organization_id, NOON + timedelta(seconds=3), 1)
    assert part.total.changed_count == 2
    assert nothing.stop == price_preview.Stop(key.organization_id, None, 1)
    assert price_preview.look(proposal).total.changed_count == 5


USAGES = st.builds(
    TokenUsage,
    input=st.integers(0, 300_000),
    cache_read=st.integers(0, 5000),
    output=st.integers(0, 5000),
    web_searches=st.integers(0, 2),
    service_tier=st.sampled_from(["", "flex", "batch"]),
    other_models=st.sampled_from([(), (OtherModelUsage(model="gpt-99", input=3, output=1),)]),
)
CALLS: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    model=st.sampled_from(["gpt-4o", "gpt-4o-2024-11-20", "GPT-99", "gpt-99-2031-01-31", "gpt-5.5", ""]),
    usage=USAGES,
    usage_source=st.sampled_from(["provider", "provider", "estimated", "none"]),
    status=st.sampled_from([200, 200, 200, 500]),
)
MOMENTS = st.integers(-40, 40).map(lambda days: NOON + timedelta(days=days))
SPANS = st.tuples(MOMENTS, MOMENTS | st.none()).filter(lambda span: span[1] is None or span[0] < span[1])


@st.composite
def changed_rows(draw: st.DrawFn) -> dict[str, Any]:
    start, end = draw(SPANS)
    same: dict[str, Any] = {"effective_from": start, "effective_until": end}
    if draw(st.booleans()):
        return same | {"basis_points": draw(st.integers(0, 10_000)), "provider": draw(st.sampled_from(["", "openai"]))}
    rates = {name: draw(st.none() | st.integers(0, 10**7)) for name in ("cache_read_pico_usd", "output_pico_usd")}
    model = draw(st.sampled_from(["gpt-4o", "gpt-99", "gpt-5.5"]))
    return same | rates | {"provider": "openai", "model": model, "input_pico_usd": draw(st.integers(0, 10**7))}


def row_of(fields: dict[str, Any], organization_id: int, *, is_for_all: bool) -> Row:
    if "basis_points" in fields:
        return Discount(organization_id=organization_id, **fields)
    return ModelPrice(organization_id=None if is_for_all else organization_id, **fields)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    calls=st.lists(st.tuples(CALLS, MOMENTS), min_size=1, max_size=12),
    rows=st.lists(st.tuples(changed_rows(), st.booleans()), min_size=1, max_size=3),
    is_deleted_after=st.booleans(),
)
def test_what_a_preview_foresees_is_what_the_change_does(
    calls: list[tuple[dict[str, Any], datetime]], rows: list[tuple[dict[str, Any], bool]], *, is_deleted_after: bool
) -> None:
    with transaction.atomic():
        ModelPrice.objects.all().delete()  # of the example before
        revisions.raise_revision()
    keys = [make_key()[0], make_key()[0]]
    post(*(make_record(keys[number % 2], at=at, **call) for number, (call, at) in enumerate(calls)))
    saved: list[Row] = []
    for fields, is_for_all in rows:
        row = row_of(fields, keys[0].organization_id, is_for_all=is_for_all)
        if any(type(one) is type(row) and one.effective_from == row.effective_from for one in saved):
            continue
        if isinstance(row, Discount) and any(isinstance(one, Discount) for one in saved):
            continue
        preview = foreseen(price_preview.look(price_book.propose(saved=[row])))
        assert effects(apply(row)) == preview
        saved.append(row)
    if is_deleted_after:
        preview = foreseen(price_preview.look(price_book.propose(deleted=saved[:1])))
        assert effects(apply(saved[0], is_deleted=True)) == preview
    sums = [model.objects.aggregate(cost=Sum("cost_pico_usd", default=0)) for model in (LedgerRecord, DailyUsage)]
    assert sums[0] == sums[1]
