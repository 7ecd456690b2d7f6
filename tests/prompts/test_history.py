"""What a prompt's page is made of, where the page would hide a mistake: the days drawn, the model seen, what is new."""

from datetime import UTC, date, timedelta

import pytest
from django.utils import timezone

from analytics import reports
from analytics.filters import MOST_DAYS
from analytics.periods import Period
from prompts import catalog, history
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_organization, make_prompt, make_team
from tests.prompts.prompt_pages import use

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.mark.parametrize(
    ("first", "drawn"),
    [
        (3, 30),  # never less than a month
        (49, 50),  # from the prompt's first day that cost anything, not the organization's
        (MOST_DAYS - 1, MOST_DAYS),  # no more than a chart takes
    ],
)
def test_all_time_is_drawn_from_the_first_day_that_cost_anything(first: int, drawn: int) -> None:
    organization = make_organization()
    team, prompt = make_team(organization), make_prompt(organization, "chat")
    now = timezone.now()
    use(team, "else", "9.00", days_ago=MOST_DAYS + 90)
    use(team, "chat", "1.00", days_ago=first, version=1)
    use(team, "chat", "2.00", version=2)

    found = history.read_history(prompt, reports.ALL_TIME, now=now, zone=UTC)

    today = now.astimezone(UTC).date()
    assert found.drawn == Period(today - timedelta(days=drawn - 1), today)
    assert len(found.chart.columns) == drawn
    assert found.total.cost_usd == 3
    assert sum(column.total for column in found.chart.columns) == 3 * 10**12


def test_days_that_are_asked_for_are_drawn_as_they_are() -> None:
    organization = make_organization()
    prompt = make_prompt(organization, "chat")
    use(make_team(organization), "chat", "1.00", days_ago=3)
    march = Period(date(2026, 3, 1), date(2026, 3, 31))

    found = history.read_history(prompt, march, now=timezone.now(), zone=UTC)

    assert (found.drawn, found.was_used, found.total.is_empty) == (march, True, True)


def test_the_model_seen_is_one_that_has_a_name() -> None:
    organization = make_organization()
    team, prompt = make_team(organization), make_prompt(organization, "chat")
    for model, requests in (("(other)", 9), ("", 8), ("gpt-4o-mini", 2), ("gpt-4o", 3)):
        use(team, "chat", "1.00", requests, version=7, model=model)

    assert history.guess_registration(prompt, 7, now=timezone.now()) == "gpt-4o"
    assert history.guess_registration(prompt, 8, now=timezone.now()) == ""


def test_prompts_used_on_the_same_day_are_sorted_by_minutes() -> None:
    organization = make_organization()
    key, _ = make_key(make_team(organization))
    now = timezone.now()
    moments = {"a-earlier": 40, "b-now": 2, "c-between": 20}
    records = [make_record(key, at=now - timedelta(minutes=ago), prompt_key=name) for name, ago in moments.items()]
    post(*records, now=now)

    found = catalog.list_prompts(organization.pk, reports.ALL_TIME, now=now, zone=UTC)

    assert [entry.key for entry in catalog.sort_entries(found.current, "used")] == ["b-now", "c-between", "a-earlier"]
