"""`verify_ledger` and the nightly check: silent where the books agree, and each thing that is broken is told."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from analytics import condensing, self_check
from analytics.models import (
    CondensedTotals,
    CondensedUsage,
    DailyTagUsage,
    DailyUsage,
    LedgerDifference,
    LedgerRecord,
    RejectedRecord,
    UsageBatch,
)
from analytics.usage import TokenUsage
from orgs.models import ApiKey
from tests.analytics.usage_lines import id_at, lines_of, make_record, post, post_lines
from tests.factories import make_key, make_organization, make_team

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=70)


@pytest.fixture
def key() -> ApiKey:
    """Of an organization with a February in its books: tags, a failure, free calls, two segments, condensed."""
    key = make_key(make_team(make_organization(timezone="Asia/Tokyo")))[0]
    days = [NOON + timedelta(days=number) for number in range(3)]
    same = make_record(key, at=NOON, tags=("a", "b"), provider_request_id="req-1")
    post(same, *[make_record(key, at=day, tags=("a",), prompt_key="chat") for day in days])
    failed = make_record(key, status=500, usage=TokenUsage(), usage_source="none", at=days[1])
    post_lines([*lines_of(failed, same, make_record(key, at=NOON, state="simulated")), "no line at all"])
    condensing.condense_due(now=NOON + timedelta(days=3), least_rows=0)
    assert CondensedTotals.objects.exists()
    return key


def verify(*arguments: str) -> str:
    """What it writes where all agrees."""
    out, told = StringIO(), StringIO()
    call_command("verify_ledger", *arguments, stdout=out, stderr=told)
    assert told.getvalue() == ""
    return out.getvalue()


def differences(*arguments: str) -> list[str]:
    told = StringIO()
    with pytest.raises(CommandError, match="do not agree") as refusal:
        call_command("verify_ledger", *arguments, stdout=StringIO(), stderr=told)
    assert refusal.value.returncode == 1
    return told.getvalue().splitlines()


def test_books_that_agree_are_said_to(key: ApiKey) -> None:
    assert "3 days looked at" in verify()
    assert verify("--org", key.organization.slug, "--from", "2026-02-02").count("2 days looked at") == 1


def change_a_sum() -> None:
    DailyUsage.objects.filter(day=date(2026, 2, 1)).update(cost_pico_usd=F("cost_pico_usd") + 1)


def drop_a_row_by_tag() -> None:
    DailyTagUsage.objects.filter(tag="b").delete()


def make_up_a_row() -> None:
    row = DailyUsage.objects.first()
    assert row is not None
    row.pk, row.model = None, "gpt-of-nobody"
    row.save(force_insert=True)


def lose_a_record() -> None:
    record = LedgerRecord.objects.filter(tags=["a"]).first()
    assert record is not None
    record.delete()


def move_a_record() -> None:
    LedgerRecord.objects.filter(status=500).update(local_day=date(2026, 2, 3))


def drop_condensed() -> None:
    row = CondensedUsage.objects.filter(tag=None).first()
    assert row is not None
    row.delete()


def change_condensed_totals() -> None:
    CondensedTotals.objects.filter(tag="a").update(request_count=99)


def lose_a_receipt() -> None:
    UsageBatch.objects.filter(inserted_count=4).delete()


def change_a_receipt() -> None:
    UsageBatch.objects.filter(inserted_count=4).update(inserted_count=3)


def make_up_a_rejection() -> None:
    receipt = UsageBatch.objects.get(inserted_count=4)
    RejectedRecord.objects.create(
        segment_id=receipt.pk, line_number=1, line="{}", reason="made up", created_at=datetime.now(UTC)
    )


def post_a_call_again_under_another_id() -> None:
    record = LedgerRecord.objects.get(provider_request_id="req-1")
    record.pk = UUID(id_at(record.started_at))
    record.save(force_insert=True)


def give_a_call_an_id_of_another_year() -> None:
    record = LedgerRecord.objects.get(provider_request_id="req-1")
    LedgerRecord.objects.filter(pk=record.pk).update(id=UUID(id_at(record.started_at - timedelta(days=365))))


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (give_a_call_an_id_of_another_year, "is of another time than its call"),
        (change_a_sum, "daily usage 1/"),
        (drop_a_row_by_tag, "there is no row"),
        (make_up_a_row, "gpt-of-nobody: request_count"),
        (lose_a_record, "3 records instead of 4"),
        (move_a_record, "2026-02-03: daily usage"),
        (drop_condensed, "condensed usage of"),
        (change_condensed_totals, "condensed totals of"),
        (lose_a_receipt, "4 records, no receipt"),
        (change_a_receipt, "4 records instead of 3"),
        (make_up_a_rejection, "1 rejected lines instead of 0"),
        (post_a_call_again_under_another_id, "2 records of the call that openai knows as req-1"),
    ],
)
def test_each_thing_that_is_broken_is_told(key: ApiKey, break_it: Callable[[], None], words: str) -> None:
    break_it()
    if words.startswith("daily usage 1/"):
        words = f"daily usage {key.team_id}/"
    assert any(words in line for line in differences()), differences()


def test_days_out_of_the_asked_range_and_other_organizations_are_left_out(key: ApiKey) -> None:
    change_a_sum()

    assert len(differences("--org", key.organization.slug, "--to", "2026-02-01")) >= 1
    verify("--org", key.organization.slug, "--from", "2026-02-08")
    verify("--org", make_organization().slug)
    with pytest.raises(CommandError, match="no organization"):
        call_command("verify_ledger", "--org", "nobody")


# --- The nightly check ------------------------------------------------------------------------------------------------


class First(random.Random):
    """Takes the first of all."""

    def randrange(self, *bounds: Any) -> int:
        return 0


@pytest.fixture
def rows_before() -> Iterator[Callable[[], list[Any]]]:
    def read() -> list[Any]:
        return [list(model.objects.order_by("pk").values()) for model in (DailyUsage, DailyTagUsage, LedgerRecord)]

    return read  # type: ignore[return-value]


def test_the_nightly_check_finds_a_difference_keeps_it_and_forgets_it_when_it_is_mended(
    key: ApiKey, rows_before: Callable[[], list[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    assert self_check.check(now=LATER, choose=First()) == 0
    assert caplog.text == ""
    change_a_sum()
    before = rows_before()

    for _ in range(2):
        assert self_check.check(now=LATER, choose=First()) == 1
    (found,) = LedgerDifference.objects.all()

    assert (found.organization_id, found.day) == (key.organization_id, date(2026, 2, 1))
    assert "cost_pico_usd" in found.tells
    assert "differ from the records" in caplog.text
    assert rows_before() == before
    DailyUsage.objects.filter(day=date(2026, 2, 1)).update(cost_pico_usd=F("cost_pico_usd") - 1)
    assert self_check.check(now=LATER, choose=First()) == 0
    assert not LedgerDifference.objects.exists()


def test_any_past_day_may_be_looked_at_and_no_other(key: ApiKey) -> None:
    organization = key.organization
    found = {self_check._find_day(organization, NOON + timedelta(days=3), random.Random(seed)) for seed in range(30)}

    assert found == {date(2026, 2, 1), date(2026, 2, 2)}
    assert self_check._find_day(make_organization(), LATER, random.Random(1)) is None


def test_the_check_stops_when_its_time_is_over(key: ApiKey, caplog: pytest.LogCaptureFixture) -> None:
    change_a_sum()
    caplog.set_level("INFO")

    assert self_check.check(now=LATER, patience_seconds=-1) == 0
    assert "no time" in caplog.text
