"""The geometry of charts. What is drawn stays inside the plot and in proportion to the amounts."""

import csv
import re
from datetime import date, timedelta
from itertools import pairwise

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


def bars(path: str) -> list[tuple[float, float, float, float]]:
    """x, width, top and height of each bar of a path."""
    found = []
    for text in re.findall(r"M([^Z]+)Z", path):
        x, ground, top, right, bottom = map(float, re.split(r"[ VH]", text))
        assert ground == bottom
        found.append((x, round(right - x, 3), top, round(bottom - top, 3)))
    return found


def test_bars_are_in_proportion_and_stand_on_the_ground() -> None:
    chart = charts.stack_days(days(2), [Series("a", (10, 4)), Series("b", (5, 0))], height=200)

    lower, upper = chart.layers
    assert [tick.amount for tick in chart.ticks] == [0, 5, 10, 15]
    assert bars(lower.path) == [(21.0, 8.0, 66.667, 133.333), (71.0, 8.0, 146.667, 53.333)]
    assert bars(upper.path) == [(21.0, 8.0, 0.0, 66.667)]
    assert [column.total for column in chart.columns] == [15, 4]


def test_a_day_that_cost_something_is_never_invisible() -> None:
    chart = charts.stack_days(days(2), [Series("a", (10**15, 1))])

    assert bars(chart.layers[0].path)[1][3] >= 1


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
    assert [len(bars(path)) for path in (chart.layers[0].path, chart.layers[0].partial_path)] == [1, 1]


def test_the_previous_period_is_a_line_that_may_be_shorter() -> None:
    chart = charts.stack_days(days(4), [Series("a", (1, 1, 1, 1))], previous=[2, 4, 0], height=100)

    assert chart.has_previous
    assert chart.previous_path == "M12.5 50L37.5 0L62.5 100"
    assert [column.previous for column in chart.columns] == [2, 4, 0, None]


def test_a_longer_previous_period_is_cut() -> None:
    chart = charts.stack_days(days(2), [Series("a", (1, 1))], previous=[1, 1, 50])

    assert chart.ticks[-1].amount == 1


@pytest.mark.parametrize("number", [1, 7, 8, 30, 31, 90, 120])
def test_few_days_are_labelled_and_the_first_always(number: int) -> None:
    labels = [column.label for column in charts.stack_days(days(number), [Series("a", (1,) * number)]).columns]

    assert labels[0] == "1 Nov"
    assert sum(map(bool, labels)) <= 7


def test_thirteen_months_of_days_touch_each_other_and_their_months_are_labelled() -> None:
    chart = charts.stack_days(days(396), [Series("a", (1,) * 396)])

    labels = [(column.title, column.label) for column in chart.columns if column.label]
    assert " ".join(label for _, label in labels) == "Nov Dec 2027 Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
    assert labels[2][0] == "Fri 1 Jan 2027"
    placed = bars(chart.layers[0].path)
    assert len(placed) == 396
    assert all(abs(one[0] + one[1] - other[0]) < 0.01 for one, other in pairwise(placed))
    narrow = [column.label for column in chart.columns if column.label and not column.is_label_minor]
    assert len(narrow) == 7


def test_hours_are_columns_like_days() -> None:
    labels = [f"{hour:02}:00" for hour in range(24)]

    chart = charts.stack_hours(labels, [Series("a", tuple(range(24)))], previous=[1] * 24, current=23)

    assert chart.unit == "hour"
    assert [column.title for column in chart.columns] == labels
    assert [column.label for column in chart.columns if column.label] == labels[::4]
    assert [column.title for column in chart.columns if column.is_partial] == ["23:00"]
    assert chart.csv.splitlines()[:2] == ["hour,total (USD),previous period (USD)", "00:00,0.00,0.000000000001"]


def test_a_budgets_pace_is_a_line_that_never_squashes_the_days() -> None:
    spent = [Series("a", (10, 4))]

    near = charts.stack_days(days(2), spent, pace=15, height=200)
    far = charts.stack_days(days(2), spent, pace=16, height=200)

    assert near.pace == charts.Pace(15, 0.0)
    assert far.pace == charts.Pace(16, None)
    assert far.ticks == charts.stack_days(days(2), spent, height=200).ticks


def test_the_csv_has_every_digit_and_no_formula() -> None:
    series = [Series("=cmd, with comma", (10**12 + 1, 0)), Series("b", (5 * 10**11, 123_456 * 10**12))]

    chart = charts.stack_days(days(2), series, previous=[7])

    assert list(csv.reader(chart.csv.splitlines())) == [
        ["day", "b (USD)", "'=cmd, with comma (USD)", "total (USD)", "previous period (USD)"],
        ["2026-11-01", "0.50", "1.000000000001", "1.500000000001", "0.000000000007"],
        ["2026-11-02", "123456.00", "0.00", "123456.00"],
    ]


def test_days_on_which_nothing_was_spent_have_an_axis_of_nothing() -> None:
    chart = charts.stack_days(days(30), [Series("a", (0,) * 30)], pace=5)

    assert [tick.amount for tick in chart.ticks] == [0]
    assert chart.pace == charts.Pace(5, None)


def test_a_chart_of_nothing_is_an_empty_plot() -> None:
    chart = charts.stack_days([], [])

    assert chart.columns == ()
    assert not chart.has_previous


@given(st.lists(st.lists(st.integers(min_value=0, max_value=10**18), min_size=5, max_size=5), min_size=1, max_size=12))
def test_nothing_is_drawn_outside_the_plot_and_nothing_is_lost(amounts: list[list[int]]) -> None:
    series = [Series(f"s{number}", tuple(one)) for number, one in enumerate(amounts)]

    chart = charts.stack_days(days(5), series, height=200)

    for index, column in enumerate(chart.columns):
        assert column.total == sum(one[index] for one in amounts) == sum(column.amounts)
    for x, width, top, height in (bar for layer in chart.layers for bar in bars(layer.path)):
        assert x >= 0
        assert x + width <= 100
        assert top >= -0.01
        assert top + height <= 200.01


# Other pictures


def test_a_sparkline_reaches_from_the_ground_to_the_largest_amount() -> None:
    drawn = charts.spark([0, 5, 10])

    assert drawn.line == "M0 22L50 12L100 2"
    assert drawn.area == f"{drawn.line}L100 24L0 24Z"
    assert [charts.spark(amounts).line for amounts in ([], [0], [0, 0])] == ["M0 22L100 22"] * 3
    assert [charts.spark(amounts).is_empty for amounts in ([], [0, 0], [1])] == [True, True, False]


def test_bars_side_by_side_have_a_scale_for_cost_and_one_for_volume() -> None:
    rows = charts.compare_bars(["v1", "v2", "v3"], [200, None, 1], [5, 10, 0]).rows

    assert [(row.cost_share, row.count_share) for row in rows] == [(100, 50), (0, 100), (0.6, 0)]
    assert [row.number for row in rows] == [1, 2, 3]
    assert rows[1].cost is None
