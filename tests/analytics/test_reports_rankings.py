"""Rankings: what rows are called, which rows there are without usage, and in which order they stand."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from analytics import reports
from analytics.models import DailyTagUsage
from analytics.periods import Period
from analytics.reports import ORDERS, Row, Scope, Sums
from orgs.models import ApiKey
from orgs.services import keys, teams
from tests.analytics.rollup_rows import spend
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_organization, make_team

pytestmark = pytest.mark.trial

FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28))
JANUARY = Period(date(2026, 1, 1), date(2026, 1, 31))


@pytest.fixture
def key(db: None) -> ApiKey:
    return make_key(description="Checkout")[0]


@pytest.fixture
def scope(key: ApiKey) -> Scope:
    return Scope(key.organization_id, FEBRUARY)


def names_of(rows: list[Row]) -> list[str]:
    return [row.name for row in rows]


def test_keys_bear_their_description_or_masked_form_and_their_team(key: ApiKey, scope: Scope) -> None:
    nameless, revoked = make_key(key.team)[0], make_key(make_team(key.organization, "mobile"), "old")[0]
    keys.revoke(key=revoked)
    for spender, usd in ((key, "1"), (nameless, "2"), (revoked, "3")):
        spend(spender, usd)
    spend(key, "4", api_key_id=10**6)
    spend(make_key()[0], "50")

    rows = reports.by_api_key(scope)

    assert names_of(rows) == ["deleted key 1000000", "old", nameless.masked, "Checkout"]
    assert [row.is_archived for row in rows] == [True, True, False, False]
    assert [row.team_name for row in rows[1:]] == ["mobile", key.team.name, key.team.name]
    assert [row.team_id for row in rows[1:]] == [revoked.team_id, key.team_id, key.team_id]


def test_current_keys_and_teams_without_usage_are_rows_of_nothing(
    key: ApiKey, scope: Scope, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    idle = make_key(make_team(key.organization, "idle team"), "idle")[0]
    keys.revoke(key=make_key(key.team, "revoked")[0])
    teams.archive(team=make_team(key.organization, "archived"))
    make_key(description="a stranger's")
    spend(key, "1")

    with django_assert_num_queries(2):
        found = reports.by_api_key(scope, with_unused=True)
    assert names_of(found) == ["Checkout", "idle"]
    assert [row.is_unused for row in found] == [False, True]
    assert names_of(reports.by_api_key(scope)) == ["Checkout"]
    with django_assert_num_queries(2):
        assert names_of(reports.by_team(scope, with_unused=True)) == [key.team.name, "idle team"]
    assert names_of(reports.by_team(scope)) == [key.team.name]

    for narrowed in (replace(scope, team_id=idle.team_id), replace(scope, api_key_id=idle.pk)):
        assert names_of(reports.by_api_key(narrowed, with_unused=True)) == ["idle"]
        assert names_of(reports.by_team(narrowed, with_unused=True)) == ["idle team"]


def test_registered_prompts_without_usage_are_rows_of_nothing(key: ApiKey, scope: Scope) -> None:
    spend(key, "1", prompt_key="chat")
    spend(key, "2", prompt_key="")
    registered = {"chat": "The chat", "idle": "", "summary": "Summaries"}

    rows = reports.by_prompt(scope, registered=registered)
    assert [(row.value, row.name, row.title) for row in rows] == [
        ("", "unknown", ""),
        ("chat", "chat", "The chat"),
        ("idle", "idle", ""),
        ("summary", "summary", "Summaries"),
    ]

    for prompt_key, expected in (("chat", ["chat"]), ("idle", ["idle"]), ("", ["unknown"]), ("else", [])):
        narrowed = Scope(key.organization_id, FEBRUARY, prompt_key=prompt_key)
        assert names_of(reports.by_prompt(narrowed, registered=registered)) == expected


def test_a_tag_is_told_from_what_has_none_even_if_it_is_called_so(
    key: ApiKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    post(make_record(key, tags=("untagged", "search")), make_record(key), make_record(key, tags=("search",)))
    scope = Scope(key.organization_id, FEBRUARY)

    with django_assert_num_queries(1):
        rows = reports.by_tag(scope)
    assert [(row.value, row.name, row.sums.request_count) for row in rows] == [
        ("search", "search", 2),
        ("", "untagged", 1),
        ("untagged", "untagged", 1),
    ]
    # The roll-ups do not know which other tags the requests of a tag had.
    assert names_of(reports.by_tag(Scope(key.organization_id, FEBRUARY, tag="search"))) == ["search"]
    assert reports.get_total(Scope(key.organization_id, FEBRUARY, tag="")).request_count == 1


def test_one_models_name_at_two_providers_makes_two_rows(key: ApiKey, scope: Scope) -> None:
    spend(key, "1", provider="openai", model="large")
    spend(key, "2", provider="anthropic", model="large")
    spend(key, "4", provider="anthropic", model="")

    rows = reports.by_model(scope)
    assert [(row.value, row.name) for row in rows] == [
        (("anthropic", ""), "unnamed"),
        (("anthropic", "large"), "large"),
        (("openai", "large"), "large"),
    ]
    assert [(row.name, int(row.sums.cost_usd)) for row in reports.by_provider(scope)] == [
        ("anthropic", 6),
        ("openai", 1),
    ]


def test_what_was_used_before_only_stays_a_row_so_that_changes_add_up(key: ApiKey, scope: Scope) -> None:
    gone = make_key(make_team(key.organization, "gone"), "gone")[0]
    keys.revoke(key=gone)
    spend(key, "3", prompt_key="chat")
    spend(key, "2", prompt_key="chat", on="2026-01-05")
    spend(gone, "5", prompt_key="old", on="2026-01-31", provider="anthropic", model="claude")
    DailyTagUsage.objects.create(
        organization_id=key.organization_id,
        day=date(2026, 1, 5),
        tag="old",
        team_id=1,
        api_key_id=1,
        request_count=1,
    )
    before = Scope(key.organization_id, JANUARY)

    for rows in (
        reports.by_prompt(scope, before=before),
        reports.by_team(scope, before=before),
        reports.by_api_key(scope, before=before),
        reports.by_model(scope, before=before),
        reports.by_provider(scope, before=before),
    ):
        changes = [(row.change_pico_usd, row.change_percent) for row in rows]
        assert changes == [(10**12, 50), (-5 * 10**12, -100)]
    (tag,) = reports.by_tag(scope, before=before)
    assert (tag.name, tag.change_pico_usd, tag.change_percent) == ("old", 0, None)
    assert {row.change_pico_usd for row in reports.by_prompt(scope)} == {None}


# --- Order ------------------------------------------------------------------------------------------------------------


def row(
    name: str,
    cost: int = 0,
    requests: int = 0,
    priced: int | None = None,
    before: int | None = None,
    value: int | None = None,
) -> Row:
    sums = Sums(cost_pico_usd=cost, request_count=requests, priced_count=requests if priced is None else priced)
    return Row(
        name if value is None else value, name, sums, before=None if before is None else Sums(cost_pico_usd=before)
    )


@pytest.mark.parametrize(
    ("order", "descending", "expected"),
    [
        ("cost", True, "cabd"),
        ("cost", False, "dabc"),
        ("requests", True, "bcad"),
        ("requests", False, "dacb"),
        ("average", True, "acdb"),  # b has no priced request, so no average; d's is 0
        ("average", False, "dcab"),
        ("change", True, "bacd"),  # d has nothing to compare with
        ("change", False, "cabd"),
        ("name", True, "dcba"),
        ("name", False, "abcd"),
    ],
)
def test_rows_are_sorted_by_what_is_asked_and_those_without_it_come_last(
    order: Any, descending: bool, expected: str
) -> None:
    rows = [
        row("a", cost=10, requests=2, before=10),
        row("b", cost=10, requests=9, priced=0, before=0),
        row("c", cost=12, requests=3, before=20),
        row("d", cost=0, requests=1),
    ]

    assert "".join(names_of(reports.sort_rows(rows, order, descending=descending))) == expected


@given(
    rows=st.lists(
        st.builds(
            row,
            name=st.sampled_from(["a", "A", "b", ""]),
            value=st.integers(0, 20),
            cost=st.integers(0, 3) | st.integers(2**62, 2**62 + 1),
            requests=st.integers(0, 2),
            before=st.none() | st.integers(0, 2),
        ),
        unique_by=lambda row: row.value,
    ),
    order=st.sampled_from(ORDERS),
    descending=st.booleans(),
    shuffled=st.randoms(),
)
@settings(max_examples=50, deadline=None)
def test_the_same_rows_always_come_in_the_same_order(
    rows: list[Row], order: Any, descending: bool, shuffled: Any
) -> None:
    expected = reports.sort_rows(rows, order, descending=descending)
    again = list(rows)
    shuffled.shuffle(again)

    assert reports.sort_rows(again, order, descending=descending) == expected
    assert len(expected) == len(rows)


def test_an_organization_without_keys_has_no_rows(db: None) -> None:
    scope = Scope(make_organization().pk, FEBRUARY)

    for rows in (reports.by_api_key(scope, with_unused=True), reports.by_team(scope, with_unused=True)):
        assert rows == []
