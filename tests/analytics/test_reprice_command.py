"""`manage.py reprice`: what it says, what it changes, and that it may be killed at any moment."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from analytics import price_book, price_changes, repricing
from analytics.models import LedgerRecord, ModelPrice, PriceChange, PriceEdit
from orgs.models import ApiKey
from tests.analytics.repriced import (
    LONG_AGO,
    NEW_COST,
    NEW_RATES,
    assert_rollups_are_those_of_the_records,
    cost_of,
    posted,
)
from tests.analytics.usage_lines import NOON, USUAL_COST, make_record, post, rollup_rows
from tests.factories import make_key, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def key() -> ApiKey:
    return make_key()[0]


@pytest.fixture
def pending_price(key: ApiKey) -> Callable[[], None]:
    """Saves a price whose repricing never came, as when the process that saved it was killed."""

    def save_only() -> None:
        price_book.save_price(price=ModelPrice(provider="openai", model="gpt-4o", effective_from=LONG_AGO, **NEW_RATES))

    return save_only


def run(*arguments: str) -> list[str]:
    output = StringIO()
    call_command("reprice", *arguments, stdout=output)
    return output.getvalue().splitlines()


def test_the_command_says_what_it_changed_in_each_organization(pending_price: Callable[[], None]) -> None:
    keys = [make_key(make_team(make_organization(name)))[0] for name in ("Acme", "Zebra")]
    records = [posted(keys[0]), posted(keys[0]), posted(keys[0], model="gpt-4o-mini"), posted(keys[1])]
    pending_price()

    # The other one, of GPT-4o mini, costs 1,000 x 0.15 and 100 x 0.60 a million: 0.00021.
    assert run() == [
        "acme: 2 of 3 records, 0.00721 -> 0.01021 USD (+0.003)",
        "  2026-02: 2 of 3 records, 0.00721 -> 0.01021 USD (+0.003)",
        "zebra: 1 of 1 records, 0.0035 -> 0.005 USD (+0.0015)",
        "  2026-02: 1 of 1 records, 0.0035 -> 0.005 USD (+0.0015)",
        "3 of 4 records changed.",
    ]
    assert cost_of(records[0]) == (NEW_COST, "priced")
    for key in keys:
        assert_rollups_are_those_of_the_records(key)
    assert run()[-1] == "0 of 4 records changed."


def test_a_dry_run_says_the_same_and_changes_nothing(key: ApiKey, pending_price: Callable[[], None]) -> None:
    record = posted(key)
    before, sums = (cost_of(record), record.price_revision), rollup_rows(key.organization_id)
    pending_price()
    foretold = run("--dry-run")
    assert (cost_of(record), record.price_revision) == before
    assert rollup_rows(key.organization_id) == sums
    assert foretold[:-1] == run()[:-1]
    assert foretold[-1] == "1 of 1 records would change."


def test_staff_find_it_among_the_changes_of_prices(key: ApiKey, pending_price: Callable[[], None]) -> None:
    posted(key)
    pending_price()
    ada = make_user("ada@staff.example.com", is_staff=True, is_superuser=True)
    run("--dry-run")
    run("--org", key.organization.slug, "--from", "2026-01-01", "--by", "Ada@staff.example.com")

    (edit,) = PriceEdit.objects.filter(kind="on_command")
    assert (edit.created_by, edit.organization_id) == (ada, key.organization_id)
    assert edit.finished_at is not None
    client = Client()
    client.force_login(ada)
    listed = client.get("/admin/analytics/priceedit/").content.decode()
    assert "Repriced on command: requests from 2026-01-01" in listed
    page = client.get(f"/admin/analytics/priceedit/{edit.pk}/change/").content.decode()
    assert "1 request cost something else" in page
    assert "Under way, or stopped" not in listed

    PriceEdit.objects.filter(pk=edit.pk).update(finished_at=None)  # as when it is killed
    assert "Under way, or stopped" in client.get("/admin/analytics/priceedit/").content.decode()


def test_a_dry_run_has_the_sums_of_each_month_in_the_organizations_time_zone(
    pending_price: Callable[[], None],
) -> None:
    key, _ = make_key(make_team(make_organization("Acme", timezone="Asia/Kathmandu")))  # +05:45
    end_of_january = datetime(2026, 1, 31, 18, 15, tzinfo=UTC)
    posted(key, at=end_of_january - timedelta(seconds=1))
    posted(key, at=end_of_january)
    posted(key, at=end_of_january, model="gpt-99")
    pending_price()
    assert run("--dry-run") == [
        "acme: 2 of 3 records, 0.007 -> 0.01 USD (+0.003)",
        "  2026-01: 1 of 1 records, 0.0035 -> 0.005 USD (+0.0015)",
        "  2026-02: 1 of 2 records, 0.0035 -> 0.005 USD (+0.0015)",
        "2 of 3 records would change.",
    ]


def test_the_command_counts_what_gets_and_what_loses_a_price(key: ApiKey, pending_price: Callable[[], None]) -> None:
    lost, found = posted(key), posted(key)
    LedgerRecord.objects.filter(pk=lost.pk).update(model="gpt-99")
    LedgerRecord.objects.filter(pk=found.pk).update(cost_pico_usd=None, cost_status="unpriced")
    assert "1 priced for the first time, 1 without a price now" in run("--dry-run")[0]


def test_the_command_keeps_to_one_organization(key: ApiKey, pending_price: Callable[[], None]) -> None:
    own, other = posted(key), posted(make_key()[0])
    pending_price()
    run("--org", key.organization.slug)
    assert (cost_of(own)[0], cost_of(other)[0]) == (NEW_COST, USUAL_COST)


def test_days_are_the_organizations_own_and_both_are_included(pending_price: Callable[[], None]) -> None:
    key, _ = make_key(make_team(make_organization(timezone="Asia/Kathmandu")))  # +05:45
    midnights = [datetime(2026, 2, day, 18, 15, tzinfo=UTC) for day in (9, 11)]
    moments = [midnights[0] - timedelta(seconds=1), midnights[0], midnights[1] - timedelta(seconds=1), midnights[1]]
    records = [posted(key, at=moment) for moment in moments]
    pending_price()
    run("--from", "2026-02-10", "--to", "2026-02-11")
    assert [cost_of(record)[0] for record in records] == [USUAL_COST, NEW_COST, NEW_COST, USUAL_COST]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--org", "nobody"], "--org: there is no organization 'nobody'. Name it as in the address of its pages."),
        (["--from", "yesterday"], "--from 'yesterday' is no date. Write it like 2026-11-01."),
        (["--to", "2026-02-30"], "--to '2026-02-30' is no date. Write it like 2026-11-01."),
        (["--from", "2026-02-02", "--to", "2026-02-01"], "--from 2026-02-02 is after --to 2026-02-01."),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint.replace(".", r"\.")):
        run(*arguments)


def test_many_records_go_in_chunks_and_none_is_left_out(
    key: ApiKey, pending_price: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repricing, "CHUNK", 3)
    # Many started at the same microsecond, so that chunks end amid them.
    records = [make_record(key, at=NOON + timedelta(seconds=number // 5)) for number in range(17)]
    post(*records)
    pending_price()
    (difference,) = repricing.reprice()
    assert (difference.checked_count, difference.changed_count) == (17, 17)
    assert (difference.before, difference.after) == (17 * USUAL_COST, 17 * NEW_COST)
    assert not LedgerRecord.objects.exclude(cost_pico_usd=NEW_COST).exists()
    assert_rollups_are_those_of_the_records(key)


def test_only_what_has_no_price_can_be_chosen(key: ApiKey, pending_price: Callable[[], None]) -> None:
    known, unknown = posted(key), posted(key)
    LedgerRecord.objects.filter(pk=unknown.pk).update(cost_pico_usd=None, cost_status="unpriced")
    pending_price()
    repricing.reprice(only_unpriced=True)
    assert (cost_of(known)[0], cost_of(unknown)[0]) == (USUAL_COST, NEW_COST)


def test_repricing_everything_leaves_nothing_behind(key: ApiKey, pending_price: Callable[[], None]) -> None:
    posted(key)
    pending_price()
    run("--dry-run")
    run("--org", key.organization.slug)
    assert PriceChange.objects.exists()
    run()
    assert not PriceChange.objects.exists()
    assert not price_changes.notice_new_list()
