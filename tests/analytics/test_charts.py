"""The geometry of charts. What is drawn stays inside the plot and in proportion to the amounts."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import charts
from analytics.charts import Series

pytestmark = pytest.mark.trial

FIRST = date(2026, 11, 1)


def days(number: int) -> list[date]:
    return [FIRST + timedelta(days=index) for index in range(number)]


@pytest.mark.parametrize(
    ("largest", "ticks"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (17, [0, 5, 10, 15, 20]),
        (20, [0, 5, 10, 15, 20]),
        (21, [0, 10, 20, 30]),
        (99, [0, 50, 100]),
        (16_200_000_000_000, [0, 5 * 10**12, 10**13, 15 * 10**12, 2 * 10**13]),
    ],
)
def test_ticks_are_few_and_round(largest: int, ticks: list[int]) -> None:
    assert charts.round_ticks(largest) == ticks


@given(st.integers(min_value=1, max_value=10**20))
def test_ticks_reach_the_largest_amount_in_at_most_four_steps(largest: int) -> None:
    ticks = charts.round_ticks(largest)

    assert ticks[-1] >= largest
    assert ticks[-2] < largest
    assert 2 <= len(ticks) <= 5


def test_bars_are_in_proportion_and_stand_on_the_ground() -> None:
    chart = charts.stack_days(days(2), [Series("a", (10, 4)), Series("b", (5, 0))], height=200)

    first, second = chart.columns
    assert [tick.amount for tick in chart.ticks] == [0, 5, 10, 15]
    assert [(one.name, one.y, one.height) for one in first.segments] == [("a", 66.667, 133.333), ("b", 0.0, 66.667)]
    assert [(one.name, one.y, one.height) for one in second.segments] == [("a", 146.667, 53.333)]
    assert [first.total, second.total] == [15, 4]


def test_a_day_that_cost_something_is_never_invisible() -> None:
    chart = charts.stack_days(days(2), [Series("a", (10**15, 1))])

    assert chart.columns[1].segments[0].height >= 1


def test_the_largest_series_comes_first() -> None:
    chart = charts.stack_days(days(1), [Series("small", (1,)), Series("large", (9,))])

    assert chart.legend == ((1, "large"), (2, "small"))


def test_more_than_eight_series_are_seven_and_other() -> None:
    series = [Series(f"s{number}", (number,)) for number in range(1, 11)]

    chart = charts.stack_days(days(1), series)

    assert [name for _, name in chart.legend] == ["s10", "s9", "s8", "s7", "s6", "s5", "s4", "other"]
    assert chart.legend[-1][0] == 0
    assert chart.columns[0].amounts[-1] == 1 + 2 + 3
    assert chart.columns[0].total == 55


def test_eight_series_need_no_other() -> None:
    chart = charts.stack_days(days(1), [Series(f"s{number}", (1,)) for number in range(8)])

    assert [number for number, _ in chart.legend] == list(range(1, 9))


def test_today_is_marked_as_partial() -> None:
    chart = charts.stack_days(days(3), [Series("a", (1, 2, 0))], today=days(3)[1])

    assert [column.is_partial for column in chart.columns] == [False, True, False]


def test_the_previous_period_is_a_line_that_may_be_shorter() -> None:
    chart = charts.stack_days(days(4), [Series("a", (1, 1, 1, 1))], previous=[2, 4, 0], height=100)

    assert chart.has_previous
    assert [(line.x1, line.y1, line.x2, line.y2) for line in chart.previous_line] == [
        (12.5, 50.0, 37.5, 0.0),
        (37.5, 0.0, 62.5, 100.0),
    ]
    assert [column.previous for column in chart.columns] == [2, 4, 0, None]


def test_a_longer_previous_period_is_cut() -> None:
    chart = charts.stack_days(days(2), [Series("a", (1, 1))], previous=[1, 1, 50])

    assert chart.ticks[-1].amount == 1


@pytest.mark.parametrize("number", [1, 7, 8, 30, 31, 90, 366])
def test_few_days_are_labelled_and_the_first_always(number: int) -> None:
    labelled = [column.is_labelled for column in charts.stack_days(days(number), [Series("a", (1,) * number)]).columns]

    assert labelled[0]
    assert sum(labelled) <= 7


def test_a_chart_of_nothing_is_an_empty_plot() -> None:
    chart = charts.stack_days([], [])

    assert chart.columns == ()
    assert not chart.has_previous


def test_the_crosshair_names_the_series_of_that_day_only() -> None:
    chart = charts.stack_days(days(1), [Series("a", (5,)), Series("b", (0,)), Series("c", (3,))], previous=[4])

    column = chart.columns[0]
    assert [(line.name, line.amount) for line in column.tip_lines] == [("a", 5), ("c", 3)]
    assert column.tip_lines[-1].y < column.previous_y < column.tip_height


@given(st.lists(st.lists(st.integers(min_value=0, max_value=10**18), min_size=5, max_size=5), min_size=1, max_size=12))
def test_nothing_is_drawn_outside_the_plot_and_nothing_is_lost(amounts: list[list[int]]) -> None:
    series = [Series(f"s{number}", tuple(one)) for number, one in enumerate(amounts)]

    chart = charts.stack_days(days(5), series, height=200)

    for index, column in enumerate(chart.columns):
        assert column.total == sum(one[index] for one in amounts) == sum(column.amounts)
        assert column.bar_x >= 0
        assert column.bar_x + column.bar_width <= 100
        for segment in column.segments:
            assert segment.y >= -0.01
            assert segment.y + segment.height <= 200.01
