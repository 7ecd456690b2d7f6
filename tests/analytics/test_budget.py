"""What is gone of a month's budget, worked out by hand."""

from datetime import date

import pytest
from django.template.loader import render_to_string

from analytics.budget import BudgetState
from analytics.periods import Period

pytestmark = pytest.mark.trial

DOLLAR = 10**12
JUNE = Period(date(2026, 6, 1), date(2026, 6, 30))


def state(spent: int, *, day: int = 15, projection: int | None = None) -> BudgetState:
    return BudgetState(JUNE, date(2026, 6, day), 300 * DOLLAR, spent, projection)


def words_of(budget: BudgetState) -> str:
    page = render_to_string("analytics/_budget.html", {"budget": budget})
    return " ".join(page.split())


def test_half_the_month_and_a_third_of_the_budget() -> None:
    budget = state(100 * DOLLAR, projection=200 * DOLLAR)

    assert (budget.percent, budget.even_percent, budget.pace_pico_usd) == (33, 50, 10 * DOLLAR)
    page = words_of(budget)
    assert '<strong>33 %</strong> of the budget of <span title="$300.00">$300.00</span>, $200.00 left' in page
    assert "an even pace: 50 % today." in page
    assert "At this rate" not in page


@pytest.mark.parametrize(
    ("spent", "percent", "is_near", "words"),
    [
        (240 * DOLLAR - 1, 79, False, "$60.00 left"),
        (240 * DOLLAR, 80, True, "$60.00 left"),
        (300 * DOLLAR - 1, 99, True, "$0.000000000001 left"),
        (300 * DOLLAR, 100, True, "used up"),
        (3_300 * DOLLAR, 1100, True, "$3,000.00 over"),
    ],
)
def test_a_percentage_is_reached_when_it_is_shown(spent: int, percent: int, is_near: bool, words: str) -> None:
    budget = state(spent)

    assert (budget.percent, budget.is_near, budget.is_reached) == (percent, is_near, percent >= 100)
    assert words in words_of(budget)
    assert budget.bar_percent <= 100


def test_a_month_that_will_end_above_the_budget_says_by_how_much() -> None:
    assert "At this rate the month ends $12.50 over." in words_of(state(100 * DOLLAR, projection=312_500 * 10**9))
    assert [state(0, day=day).even_percent for day in (1, 30)] == [3, 100]
