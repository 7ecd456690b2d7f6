"""Reports on roll-up rows: who sees what, in which order, in how many queries."""

from datetime import date

import pytest
from pytest_django import DjangoAssertNumQueries

from analytics import reports
from analytics.periods import Period
from analytics.reports import Dimension, Scope, Sums
from orgs.models import Organization, Team
from tests.analytics.rollup_rows import spend
from tests.factories import make_organization, make_team

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28))
DIMENSIONS: tuple[Dimension, ...] = ("prompt_key", "team_id", "api_key_id", "version", "provider", "model", "day")


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def backend(organization: Organization) -> Team:
    return make_team(organization)


@pytest.fixture
def scope(organization: Organization) -> Scope:
    return Scope(organization.pk, FEBRUARY)


def test_a_total_is_one_query_and_all_zeros_without_usage(
    scope: Scope, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        assert reports.get_total(scope) == Sums()


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_a_dimension_is_one_query_and_empty_without_usage(
    scope: Scope, dimension: Dimension, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        assert reports.sums_by(scope, dimension) == {}


def test_teams_are_two_queries_however_many_there_are(
    scope: Scope, organization: Organization, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        spend(make_team(organization, f"team {number:02}"), "1")
    with django_assert_num_queries(2):
        rows = reports.by_team(scope)
    assert [row.name for row in rows] == [f"team {number:02}" for number in range(12)]


def test_both_ends_of_the_period_count_and_nothing_around_it(scope: Scope, backend: Team) -> None:
    for day, usd in (("2026-01-31", "1"), ("2026-02-01", "10"), ("2026-02-28", "100"), ("2026-03-01", "1000")):
        spend(backend, usd, on=day)
    assert reports.get_total(scope).cost_usd == 110


def test_another_organization_is_never_counted(scope: Scope, backend: Team) -> None:
    spend(make_team(make_organization()), "99")
    spend(backend, "1")
    assert reports.get_total(scope).cost_usd == 1
    assert [row.sums.cost_usd for row in reports.by_team(scope)] == [1]
    assert [row.sums.cost_usd for row in reports.by_prompt(scope)] == [1]


def test_a_provider_filters_every_report(organization: Organization, backend: Team) -> None:
    spend(backend, "1", provider="openai", prompt_key="a")
    spend(backend, "2", provider="anthropic", prompt_key="b")
    scope = Scope(organization.pk, FEBRUARY, provider="anthropic")
    assert reports.get_total(scope).cost_usd == 2
    for dimension in DIMENSIONS:
        assert sum(sums.cost_usd for sums in reports.sums_by(scope, dimension).values()) == 2


def test_the_most_expensive_comes_first_and_equals_by_name(scope: Scope, backend: Team) -> None:
    for prompt_key, usd in (("b", "1"), ("a", "1"), ("z", "3"), ("", "2")):
        spend(backend, usd, prompt_key=prompt_key)
    assert [row.name for row in reports.by_prompt(scope)] == ["z", "unknown", "a", "b"]


def test_versions_among_equals_go_by_number_and_none_comes_last(scope: Scope, backend: Team) -> None:
    for version, usd in ((10, "1"), (2, "1"), (0, "1"), (3, "5")):
        spend(backend, usd, version=version)
    assert [row.value for row in reports.by_version(scope)] == [3, 2, 10, 0]


def test_a_team_whose_row_is_gone_keeps_its_spend(scope: Scope, backend: Team) -> None:
    spend(backend, "1", team_id=backend.pk + 1000)
    (row,) = reports.by_team(scope)
    assert (row.name, row.is_archived) == (f"deleted team {backend.pk + 1000}", True)
    assert row.sums.cost_usd == 1


def test_rows_in_which_nothing_happened_are_left_out(scope: Scope, backend: Team) -> None:
    spend(backend, "0", requests=0, prompt_key="polled")
    spend(backend, "0", requests=0, prompt_key="failed", error_count=1)
    assert [row.name for row in reports.by_prompt(scope)] == ["failed"]


def test_sums_beyond_what_a_float_holds_stay_exact(scope: Scope, backend: Team) -> None:
    spend(backend, "4000000.000000000001", prompt_key="a")
    spend(backend, "5000000.000000000001", prompt_key="b")
    assert reports.get_total(scope).cost_pico_usd == 9_000_000_000_000_000_002
    assert reports.add_up(reports.by_prompt(scope)) == reports.get_total(scope)
