"""Condensed roll-ups: they say what the days say, and are not read any more once a day of theirs has changed."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from analytics import condensing, reports, rollups, spans
from analytics.models import CondensedSpan, CondensedTotals, CondensedUsage, DailyTagUsage, DailyUsage, LedgerRecord
from analytics.models.rollups import FIGURE_COLUMNS, SUM_COLUMNS
from analytics.periods import Period
from analytics.quantities import COLUMNS
from analytics.reports import Scope, sources
from analytics.reports.reading import read_groupings
from analytics.spans import DAY, MONTH, WEEK, Span
from analytics.usage import TokenUsage
from orgs.services import organizations
from tests.analytics.at_once import threads, wait_for_waiting
from tests.analytics.made_up_usage import World, make_world
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_team

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

FIRST, LAST = date(2026, 1, 20), date(2026, 3, 31)
NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28))
PERIODS = (Period(FIRST, LAST), Period(date(2026, 2, 28), date(2026, 3, 17)), FEBRUARY)
BEFORE = {PERIODS[1]: Period(date(2026, 1, 25), date(2026, 2, 12))}
NARROWED: tuple[dict[str, Any], ...] = (
    {},
    {"provider": "openai"},
    {"tag": "search"},
    {"tag": ""},
    {"prompt_key": "chat"},
    {"prompt_key": "", "tag": "é"},
    {"version": 0},
)
GROUPINGS: tuple[tuple[str, ...], ...] = (
    (),
    ("tag",),
    ("prompt_key",),
    ("team_id", "api_key_id"),
    ("version", "model"),
    ("day", "provider", "model"),
)


@pytest.fixture(autouse=True)
def _knows_nothing() -> Iterator[None]:
    """The next test's organizations may have the ids of this one's."""
    sources.forget()
    yield
    sources.forget()


@pytest.fixture
def world() -> World:
    return make_world("Europe/Berlin", FIRST, LAST, calls=150)


def condense(now: datetime = NOW) -> int:
    return condensing.condense_due(now=now, least_rows=0)


def answers(organization_id: int, columns: Sequence[str] = FIGURE_COLUMNS) -> list[Any]:
    """To questions of every kind, without the groups in which nothing happened."""
    found = []
    for period, narrowed, grouping in product(PERIODS, NARROWED, GROUPINGS):
        scope = Scope(organization_id, period, **narrowed)
        (groups,) = read_groupings(scope, [grouping], columns, before=BEFORE.get(period))
        found.append(sorted((key, sums) for key, sums in groups if any(sums)))
    return found


def answers_of_days(organization_id: int) -> list[Any]:
    """The same while nothing is condensed."""
    with transaction.atomic():
        CondensedSpan.objects.all().delete()
        found = answers(organization_id)
        transaction.set_rollback(True)
    sources.forget()
    return found


def ready(organization_id: int) -> set[Span]:
    return set(condensing.find_ready(organization_id))


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_condensed_usage_answers_every_question_as_the_days_do(world: World) -> None:
    pk = world.organization.pk
    everything = TokenUsage(**{name: 2**number for number, name in enumerate(COLUMNS)})
    for number, tags in enumerate([("search",), ("search", "é"), ()] * 9):
        use: dict[str, Any] = {"at": datetime(2026, 2, 1 + number, 12, tzinfo=UTC), "tags": tags, "prompt_key": "chat"}
        durations = {"latency_ms": 24 * 2 ** (number // 2), "first_token_ms": 17 * 2 ** (number // 2)}
        post(make_record(world.keys[0], usage=everything, **use, **durations))
    # All columns are not in all of the tables.
    before = answers(pk, SUM_COLUMNS), answers(pk)
    ((_, total),) = before[0][0]
    assert sum(amount > 0 for amount in total) >= len(FIGURE_COLUMNS) + 30

    assert condense() > 80
    assert condense() == 0
    assert (answers(pk, SUM_COLUMNS), answers(pk)) == before


def test_whole_months_are_not_read_from_their_days(world: World) -> None:
    condense()
    for model in (DailyUsage, DailyTagUsage):
        model._default_manager.filter(day__range=(FEBRUARY.start, FEBRUARY.end)).delete()

    scope = world.scope(FEBRUARY)
    requests = sum(use.counts["request_count"] for use in world.used_in(scope))
    assert requests > 20
    for rows in (reports.by_prompt(scope), reports.by_model(scope), reports.by_team(scope)):
        assert reports.add_up(rows).request_count == requests
    assert len(reports.by_tag(scope)) > 1
    assert sum(reports.daily_costs(scope)) == reports.get_total(scope).cost_pico_usd > 0


def test_several_groupings_of_one_reading_are_those_of_several_readings(world: World) -> None:
    condense()
    groupings = (("prompt_key",), ("team_id", "api_key_id"), ("provider", "prompt_key"))
    scope = world.scope(PERIODS[1])
    for before in (None, BEFORE[PERIODS[1]]):
        together = read_groupings(scope, groupings, before=before)
        alone = [read_groupings(scope, [grouping], before=before)[0] for grouping in groupings]
        assert [sorted(groups) for groups in together] == [sorted(groups) for groups in alone]


def test_a_reading_is_one_query_and_three_when_spans_have_changed(
    world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    condense()
    scope = world.scope(PERIODS[0])
    for queries in (3, 1):
        with django_assert_num_queries(queries):
            total = reports.get_total(scope)
    post(make_record(world.keys[0], at=datetime(2026, 2, 10, 12, tzinfo=UTC)))
    for queries in (3, 1):
        with django_assert_num_queries(queries):
            assert reports.get_total(scope).request_count == total.request_count + 1


# --- Changes ----------------------------------------------------------------------------------------------------------


def test_what_comes_late_counts_at_once_and_reopens_its_day_week_and_month_alone(world: World) -> None:
    pk = world.organization.pk
    condense()
    before = ready(pk)
    late = make_record(world.keys[0], at=datetime(2026, 2, 10, 12, tzinfo=UTC), tags=("search",), prompt_key="chat")

    post(late)

    day = date(2026, 2, 10)
    assert before - ready(pk) == {spans.span_of(kind, day) for kind in (DAY, WEEK, MONTH)}
    assert answers(pk) == answers_of_days(pk)
    post(late)
    assert condense() == 3
    assert ready(pk) == before
    assert answers(pk) == answers_of_days(pk)


def test_another_cost_a_rebuild_and_another_time_zone_are_seen_at_once(world: World) -> None:
    pk = world.organization.pk
    condense()

    day = next(use.day for use in world.uses if FEBRUARY.start <= use.day <= FEBRUARY.end)
    records = LedgerRecord.objects.filter(organization_id=pk, local_day=day).values_list(*rollups.FACT_COLUMNS)
    with transaction.atomic():
        rollups.apply_delta([rollups.facts_of(row) for row in records], -1)
    assert Span(MONTH, FEBRUARY.start) not in ready(pk)
    assert answers(pk) == answers_of_days(pk)

    condense()
    rollups.rebuild(pk, FIRST, LAST)
    assert Span(MONTH, FEBRUARY.start) not in ready(pk)
    assert answers(pk) == answers_of_days(pk)

    condense()
    rollups.change_timezone(pk, "Asia/Kathmandu")
    assert answers(pk) == answers_of_days(pk)
    condense()
    assert answers(pk) == answers_of_days(pk)


# --- When -------------------------------------------------------------------------------------------------------------


def test_a_day_is_condensed_half_an_hour_after_its_end(world: World) -> None:
    midnight = datetime(2026, 3, 30, 22, tzinfo=UTC)  # of Berlin, in summer
    day = Span(DAY, date(2026, 3, 30))
    condense(midnight + timedelta(minutes=29))
    assert day not in ready(world.organization.pk)
    condense(midnight + timedelta(minutes=31))
    assert day in ready(world.organization.pk)
    assert max(span.end for span in ready(world.organization.pk)) == day.start


def test_small_organizations_are_left_as_they_are(world: World) -> None:
    call_command("condense_rollups")
    assert not CondensedSpan.objects.exists()


def test_what_is_not_done_in_time_goes_on_with_the_next_run(world: World) -> None:
    assert condensing.condense_due(now=NOW, least_rows=0, patience_seconds=-1) == 0
    assert not ready(world.organization.pk)
    assert condense() > 80


def test_a_call_long_before_all_others_adds_the_spans_of_its_own_month_alone(world: World) -> None:
    before = condense()
    post(make_record(make_key(make_team(world.organization))[0], at=datetime(1970, 1, 1, 12, tzinfo=UTC)))
    assert condense() == 31 + 4 + 1 < before
    whole = Scope(world.organization.pk, Period(date(1970, 1, 1), LAST))
    days = DailyUsage.objects.filter(organization_id=world.organization.pk).values_list("request_count", flat=True)
    assert reports.get_total(whole).request_count == sum(days)


def test_an_organization_without_usage_has_nothing_to_condense() -> None:
    make_key()
    assert condense() == 0


@pytest.mark.production  # SQLite cannot add up such sums at all.
def test_a_sum_that_is_too_large_keeps_nobody_else_from_being_condensed(world: World) -> None:
    key = make_key()[0]
    post(make_record(key, at=datetime(2026, 2, 10, 12, tzinfo=UTC)))
    february = DailyUsage.objects.filter(organization_id=world.organization.pk, day__month=2)
    assert february.count() > 20
    february.update(cost_pico_usd=10**18)
    before = reports.get_total(world.scope(FEBRUARY))

    condense()

    assert world.organization.pk < key.organization_id
    assert Span(MONTH, FEBRUARY.start) in ready(key.organization_id)
    assert reports.get_total(world.scope(FEBRUARY)) == before


def test_deleted_organizations_are_left_as_they_are(world: World) -> None:
    organizations.delete(organization=world.organization)
    assert condense() == 0
    assert not CondensedSpan.objects.exists()


# --- At once ----------------------------------------------------------------------------------------------------------


@pytest.mark.production
class TestAtOnce:
    pytestmark = [pytest.mark.production, pytest.mark.django_db(transaction=True)]
    AT = datetime(2026, 2, 10, 12, tzinfo=UTC)

    def test_posting_that_has_begun_is_waited_for(self) -> None:
        key = make_key()[0]
        post(make_record(key, at=self.AT))
        with threads(2) as start:
            with transaction.atomic():
                DailyUsage.objects.select_for_update().get()
                posting = start(lambda: post(make_record(key, at=self.AT)))
                wait_for_waiting(1, "posting waits for the roll-up")
                condensing_ = start(condense)
                wait_for_waiting(2, "condensing waits for posting")
            posting.result(timeout=60)
            condensing_.result(timeout=60)

        for model, tag in ((CondensedTotals, None), (CondensedUsage, "")):
            rows = model._default_manager.filter(kind=MONTH, tag=tag)
            assert list(rows.values_list("request_count", flat=True)) == [2]

    def test_posting_during_the_copy_takes_the_copy_back(self) -> None:
        key = make_key()[0]
        post(make_record(key, at=self.AT))
        condense()
        post(make_record(key, at=self.AT))  # Reopens; what was condensed is still there, to be replaced.
        with threads(2) as start:
            with transaction.atomic():
                list(CondensedTotals.objects.select_for_update())
                copying = start(condense)
                wait_for_waiting(1, "the copy waits to replace the one before")
                posting = start(lambda: post(make_record(key, at=self.AT)))
                wait_for_waiting(2, "posting waits for the copy")
            copying.result(timeout=60)
            posting.result(timeout=60)

        month = Scope(key.organization_id, PERIODS[0])
        assert reports.get_total(month).request_count == 3
        for span in ready(key.organization_id):
            if span.start <= self.AT.date() <= span.end:
                rows = CondensedTotals.objects.filter(kind=span.kind, start=span.start, tag=None)
                assert list(rows.values_list("request_count", flat=True)) == [3], span

    def test_a_day_that_somebody_else_is_condensing_is_in_its_week_and_month(self) -> None:
        key = make_key()[0]
        post(make_record(key, at=self.AT), make_record(key, at=self.AT + timedelta(days=1)))
        CondensedSpan.objects.create(organization_id=key.organization_id, kind=DAY, start=self.AT.date())
        with threads(1) as start, transaction.atomic():
            CondensedSpan.objects.select_for_update().get()
            start(condense).result(timeout=60)

        assert Span(DAY, self.AT.date()) not in ready(key.organization_id)
        for kind in (WEEK, MONTH):
            rows = CondensedUsage.objects.filter(kind=kind, tag=None)
            assert list(rows.values_list("request_count", flat=True)) == [2]
