"""The versions of a prompt side by side: sums, shares, quantiles and the models that answered."""

from datetime import date
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from analytics import reports
from analytics.periods import Period
from analytics.reports import Scope
from analytics.usage import TokenUsage
from tests.analytics.usage_lines import USUAL_COST, make_record, post
from tests.factories import make_key

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28))
FAILED: dict[str, Any] = {"usage": TokenUsage(), "usage_source": "none", "status": 500, "error_code": "server_error"}


def test_every_version_has_its_sums_speed_and_models(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    key = make_key()[0]
    first: dict[str, Any] = {"prompt_key": "chat", "version": 1}
    cached = TokenUsage(input=200, cache_read=600, cache_write_5m=200, output=50)
    post(
        *(make_record(key, **first, latency_ms=100, first_token_ms=40) for _ in range(18)),
        make_record(key, **first, latency_ms=9000, usage=cached, model="gpt-4o-2024-11-20"),
        make_record(key, **first, latency_ms=9000, usage=cached, model="gpt-4o-2024-11-20"),
        *(make_record(key, **first, **FAILED) for _ in range(5)),
        make_record(key, prompt_key="chat", version=12),
        make_record(key, prompt_key="chat"),
        make_record(key, prompt_key="other", version=3),
    )

    with django_assert_num_queries(1):
        found = reports.version_sums(Scope(key.organization_id, FEBRUARY, prompt_key="chat"))

    assert [(row.number, row.name) for row in found] == [(1, "v1"), (12, "v12"), (0, "no version")]
    version = found[0]
    assert version.sums.request_count == version.latency.count == 20
    assert version.error_share == 5 / 25
    assert version.cache_hit_share == 1200 / (18 * 1000 + 2 * 1000)
    assert version.per_request["input_tokens"] == (18 * 1000 + 2 * 200) / 20
    assert version.per_request["cache_write_5m_tokens"] == 20
    assert version.per_request["output_tokens"] == (18 * 100 + 2 * 50) / 20
    assert version.latency.p50_ms == pytest.approx(100, rel=0.3)
    assert version.latency.p95_ms == pytest.approx(9000, rel=0.3)
    assert version.first_token.count == 18
    assert version.first_token.p95_ms == pytest.approx(40, rel=0.3)
    assert [(model.value[1], model.sums.request_count) for model in version.models] == [
        ("gpt-4o-2024-08-06", 18),
        ("gpt-4o-2024-11-20", 2),
    ]
    assert reports.add_up(version.models) == version.sums
    assert [row.sums.cost_pico_usd for row in found[1:]] == [USUAL_COST, USUAL_COST]


def test_what_only_failed_has_errors_and_nothing_to_share_out() -> None:
    key = make_key()[0]
    post(make_record(key, prompt_key="chat", version=1, **FAILED))

    (version,) = reports.version_sums(Scope(key.organization_id, FEBRUARY))

    assert (version.error_share, version.cache_hit_share) == (1, None)
    assert version.per_request == {}
    assert (version.latency.p50_ms, version.first_token.p95_ms) == (None, None)


def test_a_request_that_broke_off_is_one_call_of_the_error_share() -> None:
    key = make_key()[0]
    broken: dict[str, Any] = {"prompt_key": "chat", "error_code": "upstream_broken"}
    post(
        *(make_record(key, version=1, **broken) for _ in range(10)),
        *(make_record(key, version=2, **broken) for _ in range(2)),
        make_record(key, prompt_key="chat", version=2),
        make_record(key, prompt_key="chat", version=2, **FAILED),
    )

    all_broken, some = reports.version_sums(Scope(key.organization_id, FEBRUARY))

    assert (all_broken.sums.error_count, all_broken.sums.request_count, all_broken.error_share) == (10, 10, 1)
    assert (some.sums.error_count, some.sums.request_count, some.error_share) == (3, 3, 3 / 4)


def test_without_usage_there_are_no_versions() -> None:
    assert reports.version_sums(Scope(make_key()[0].organization_id, FEBRUARY)) == []
