"""What posting makes of a record: its day, its cost status, where it counts."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analytics.models import DailyTagUsage, DailyUsage, LedgerRecord
from analytics.models.rollups import FIRST_TOKEN_COLUMNS, LATENCY_COLUMNS
from analytics.usage import TokenUsage
from orgs.models import ApiKey
from prompts import services as prompts
from prompts.models import Prompt
from tests.analytics.usage_lines import NOON, USUAL_COST, make_record, post
from tests.factories import make_key, make_organization, make_prompt, make_team, make_version

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

COUNTS = (
    "request_count",
    "priced_count",
    "unpriced_count",
    "partial_count",
    "estimated_count",
    "unmetered_count",
    "pending_count",
    "interrupted_count",
    "error_count",
    "failed_request_count",
)


@pytest.fixture
def key() -> ApiKey:
    return make_key()[0]


def posted(key: ApiKey, **changes: Any) -> LedgerRecord:
    record = make_record(key, **changes)
    assert post(record).rejected_count == 0
    return LedgerRecord.objects.get(id=record.id)


def counts() -> dict[str, int]:
    """The counts of the one roll-up row that are not 0."""
    row = DailyUsage.objects.get()
    return {name: getattr(row, name) for name in COUNTS if getattr(row, name)}


# --- Days -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timezone", "moment", "day"),
    [
        ("Asia/Kathmandu", "2026-02-10T18:14:59.999999", "2026-02-10"),
        ("Asia/Kathmandu", "2026-02-10T18:15:00", "2026-02-11"),
        # Berlin goes from +01:00 to +02:00 on 29 March and back on 25 October.
        ("Europe/Berlin", "2026-03-28T23:00:00", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T21:59:59", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T22:00:00", "2026-03-30"),
        ("Europe/Berlin", "2026-10-25T22:59:59", "2026-10-25"),
        # New York goes from -05:00 to -04:00 on 8 March and back on 1 November.
        ("America/New_York", "2026-03-08T04:59:59", "2026-03-07"),
        ("America/New_York", "2026-03-09T03:59:59", "2026-03-08"),
        ("America/New_York", "2026-11-02T04:59:59", "2026-11-01"),
    ],
)
def test_a_call_belongs_to_the_day_it_started_on_in_the_organization(timezone: str, moment: str, day: str) -> None:
    key, _ = make_key(make_team(make_organization(timezone=timezone)))

    record = posted(key, at=datetime.fromisoformat(moment).replace(tzinfo=UTC))

    assert record.local_day == DailyUsage.objects.get().day == date.fromisoformat(day)


# --- Costs and counts -------------------------------------------------------------------------------------------------


def test_a_priced_request_counts_with_its_cost_and_times(key: ApiKey) -> None:
    record = posted(key, first_token_ms=40)

    assert (record.cost_pico_usd, record.cost_status) == (USUAL_COST, "priced")
    assert counts() == {"request_count": 1, "priced_count": 1}
    row = DailyUsage.objects.get()
    assert (row.cost_pico_usd, row.input_tokens, row.output_tokens) == (USUAL_COST, 1000, 100)
    assert (row.latency_sum_ms, row.latency_count, row.first_token_sum_ms, row.first_token_count) == (850, 1, 40, 1)
    # 850 ms lies between 32 * sqrt(2)**9 (724) and 32 * sqrt(2)**10 (1024), 40 ms between 32 and 45.
    assert [getattr(row, column) for column in (LATENCY_COLUMNS[10], FIRST_TOKEN_COLUMNS[1])] == [1, 1]


def test_a_refusal_inside_a_stream_is_an_error_and_no_request(key: ApiKey) -> None:
    record = posted(key, status=200, error_code="overloaded_error", usage=TokenUsage(), usage_source="none")
    assert (record.cost_pico_usd, record.cost_status, record.is_request, record.is_error) == (0, "priced", False, True)


def test_an_unknown_model_has_no_cost_rather_than_none_at_all(key: ApiKey) -> None:
    record = posted(key, model_requested="gpt-99", model="")

    assert (record.cost_pico_usd, record.cost_status) == (None, "unpriced")
    assert counts() == {"request_count": 1, "unpriced_count": 1}
    assert DailyUsage.objects.get().model == "gpt-99"


def test_an_estimated_cost_counts_as_priced_and_says_so(key: ApiKey) -> None:
    assert posted(key, usage_source="estimated", error_code="client_disconnected").cost_status == "estimated"
    assert counts() == {"request_count": 1, "priced_count": 1, "estimated_count": 1}


def test_a_clamped_usage_counts_as_priced_and_partial(key: ApiKey) -> None:
    assert posted(key, usage=TokenUsage(input=1000, output=100, is_partial=True)).cost_status == "partial"
    assert counts() == {"request_count": 1, "priced_count": 1, "partial_count": 1}


def test_a_refused_call_is_an_error_and_no_request(key: ApiKey) -> None:
    record = posted(key, status=429, error_code="rate_limit_error", usage=TokenUsage(), usage_source="none")

    assert (record.cost_pico_usd, record.cost_status, record.is_request, record.is_error) == (0, "priced", False, True)
    assert counts() == {"error_count": 1}


def test_a_broken_stream_is_a_request_and_an_error_and_costs_what_was_used(key: ApiKey) -> None:
    record = posted(key, error_code="upstream_broke")

    assert (record.cost_pico_usd, record.is_request, record.is_error) == (USUAL_COST, True, True)
    assert counts() == {"request_count": 1, "priced_count": 1, "error_count": 1, "failed_request_count": 1}


def test_a_success_without_usage_is_unpriced(key: ApiKey) -> None:
    assert posted(key, usage=TokenUsage(), usage_source="none").cost_pico_usd is None
    assert counts() == {"request_count": 1, "unpriced_count": 1}


def test_an_interrupted_call_is_known_and_its_cost_is_not(key: ApiKey) -> None:
    record = posted(
        key, state="interrupted", error_code="interrupted", status=0, usage=TokenUsage(), usage_source="none"
    )

    assert (record.cost_pico_usd, record.cost_status, record.is_request) == (None, "interrupted", False)
    assert counts() == {"interrupted_count": 1, "error_count": 1}


def test_a_call_on_a_route_that_cannot_be_read_counts_as_unmetered(key: ApiKey) -> None:
    unmetered = {"route": "other", "metering": "unmetered", "usage": TokenUsage(), "usage_source": "none"}

    assert posted(key, **unmetered).cost_status == "unmetered"
    assert not posted(key, **unmetered, method="GET").is_request
    assert counts() == {"request_count": 1, "unmetered_count": 1}


@pytest.mark.parametrize("changes", [{"status": 200}, {"status": 404, "error_code": "not_found"}])
def test_a_free_call_is_kept_and_enters_no_total(key: ApiKey, changes: dict[str, Any]) -> None:
    nothing: dict[str, Any] = {"usage": TokenUsage(), "usage_source": "none"}
    record = posted(key, route="models", metering="free", method="GET", **nothing, **changes)

    assert (record.cost_pico_usd, record.cost_status, record.is_request) == (0, "free", False)
    assert not DailyUsage.objects.exists()


def test_a_call_whose_usage_comes_later_is_a_request_that_is_pending(key: ApiKey) -> None:
    nothing: dict[str, Any] = {"usage": TokenUsage(), "usage_source": "none"}
    record = posted(key, route="batches", state="pending", object_id="batch_7", **nothing)

    assert (record.cost_pico_usd, record.cost_status, record.object_id) == (None, "pending", "batch_7")
    assert counts() == {"request_count": 1, "pending_count": 1}


def test_a_simulated_call_is_kept_and_enters_no_total(key: ApiKey) -> None:
    record = posted(key, state="simulated", tags=("beta",))

    assert (record.cost_pico_usd, record.cost_status) == (0, "simulated")
    assert not DailyUsage.objects.exists()
    assert not DailyTagUsage.objects.exists()


def test_a_tag_sent_twice_counts_once(key: ApiKey) -> None:
    assert posted(key, tags=("beta", "beta")).tags == ["beta"]
    assert DailyTagUsage.objects.get().cost_pico_usd == USUAL_COST


# --- Prompts and versions ---------------------------------------------------------------------------------------------


def test_a_prompt_that_nobody_made_is_registered(key: ApiKey) -> None:
    posted(key, prompt_key="greeting")

    prompt = Prompt.objects.get()
    assert (prompt.organization_id, prompt.key, prompt.is_auto_created) == (key.organization_id, "greeting", True)


def test_an_absent_version_is_the_one_active_when_the_request_started(key: ApiKey) -> None:
    prompt = make_prompt(key.organization, "greeting")
    first, second = make_version(prompt), make_version(prompt)
    prompts.activate(version=first, now=NOON)
    prompts.activate(version=second, now=NOON + timedelta(hours=1))
    prompts.deactivate(prompt=prompt, now=NOON + timedelta(hours=2))
    moments = [-1, 0, 3599, 3600, 7199, 7200]
    records = [make_record(key, prompt_key="greeting", at=NOON + timedelta(seconds=seconds)) for seconds in moments]

    post(*records, now=NOON + timedelta(days=1))

    versions = LedgerRecord.objects.order_by("started_at").values_list("version", flat=True)
    assert list(versions) == [0, 1, 1, 2, 2, 0]


def test_the_version_that_was_sent_wins_over_the_active_one(key: ApiKey) -> None:
    prompts.activate(version=make_version(make_prompt(key.organization, "greeting")), now=NOON - timedelta(days=1))

    assert posted(key, prompt_key="greeting", version=7).version == 7


def test_versions_of_another_organizations_prompt_of_that_key_do_not_matter(key: ApiKey) -> None:
    other, _ = make_key()
    prompts.activate(version=make_version(make_prompt(other.organization, "greeting")), now=NOON - timedelta(days=1))

    post(make_record(key, prompt_key="greeting"), make_record(other, prompt_key="greeting"))

    versions = dict(LedgerRecord.objects.values_list("organization_id", "version"))
    assert versions == {key.organization_id: 0, other.organization_id: 1}
