"""The parts that draw charts: what the picture, the table, the script and the CSV say is the same."""

import csv
import re
from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from django.template.loader import render_to_string

from analytics import charts
from analytics.charts import Series

pytestmark = pytest.mark.trial

DAYS = [date(2026, 6, 1), date(2026, 6, 2), date(2026, 6, 3)]
DOLLAR = 10**12
SERIES = [Series("<search> & co", (5 * DOLLAR, 1, 0)), Series("mail", (DOLLAR // 4, 0, 7 * DOLLAR))]


def draw(chart: charts.Chart) -> str:
    context = {"chart": chart, "label": "Spend by day", "previous_name": "May", "id": "trend"}
    return render_to_string("components/_chart.html", context)


def test_the_picture_the_table_the_script_and_the_csv_agree() -> None:
    chart = charts.stack_days(DAYS, SERIES, previous=[2 * DOLLAR], today=DAYS[2])
    page = draw(chart)

    table = [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)]
    assert [unescape(head) for head in table[0]] == ["Day", "mail", "<search> & co", "Total", "May"]
    assert table[1:] == [
        ["Mon 1 Jun 2026", "$0.25", "$5.00", "$5.25", "$2.00"],
        ["Tue 2 Jun 2026", "$0.00", "$0.000000000001", "$0.000000000001", ""],
        ["Wed 3 Jun 2026", "$7.00", "$0.00", "$7.00", ""],
    ]
    amounts = [[int(one) for one in text.split()] for text in re.findall(r'data-amounts="([^"]*)"', page)]
    assert [sum(column) for column in zip(*amounts, strict=True)] == [column.total for column in chart.columns]
    copied = list(
        csv.reader(unescape(re.findall(r'<pre id="trend-csv" hidden>(.*?)</pre>', page, re.DOTALL)[0]).splitlines())
    )
    assert [Decimal(row[3]) * DOLLAR for row in copied[1:]] == [column.total for column in chart.columns]
    assert "<title>Wed 3 Jun 2026: $7.00 so far</title>" in page


def test_series_are_hidden_by_buttons_and_one_series_needs_none() -> None:
    page = draw(charts.stack_days(DAYS, SERIES))

    assert re.findall(r'<button class="legend-toggle" type="button" id="trend-series-(\d)"', page) == ["1", "2"]
    assert page.count('aria-pressed="true"') == 2
    assert "legend-toggle" not in draw(charts.stack_days(DAYS, SERIES[:1]))
    assert "style=" not in page


@pytest.mark.parametrize(
    ("pace", "words"), [(4 * DOLLAR, "Budget by day: $4.00</li>"), (20 * DOLLAR, "above this chart")]
)
def test_a_budgets_pace_is_named_and_drawn_where_there_is_room(pace: int, words: str) -> None:
    page = draw(charts.stack_days(DAYS, SERIES, pace=pace))

    assert words in page
    assert page.count("chart-pace-rim") == (pace < 10 * DOLLAR)


def test_what_has_no_price_says_so_beside_its_empty_bar() -> None:
    bars = charts.compare_bars(["v1", "v2"], [None, 3 * DOLLAR], [1200, 10])
    context = {"bars": bars, "label": "Versions", "first": "Version", "cost_name": "Cost", "count_name": "Requests"}
    page = render_to_string("components/_compare_bars.html", context)

    assert [unescape(text) for text in re.findall(r"<span[^>]*>([^<]*)</span>", page)] == [
        "no price",
        "1,200",
        "$3.00",
        "10",
    ]
    assert re.findall(r'width="([\d.]+)%" height="100%" rx="3"/></svg>', page) == ["0.0", "100.0", "100.0", "0.833"]
