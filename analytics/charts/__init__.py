"""The geometry of charts: numbers in, places and sizes out. Pure: no Django, no clock, no formatting of money.

`stacked`: money by day or hour (`templates/components/_chart.html`, `static/js/chart.js`). `bars`: a few things side by
side (`_compare_bars.html`). `spark`: a line in a list (`_sparkline.html`). Widths are percentages, heights pixels.
"""

from analytics.charts.bars import CompareBars, CompareRow, compare_bars
from analytics.charts.scale import MOST_SERIES, OTHER, Series, gather, round_ticks
from analytics.charts.spark import Spark, spark
from analytics.charts.stacked import Chart, Column, Pace, stack_days, stack_hours

__all__ = [
    "MOST_SERIES",
    "OTHER",
    "Chart",
    "Column",
    "CompareBars",
    "CompareRow",
    "Pace",
    "Series",
    "Spark",
    "compare_bars",
    "gather",
    "round_ticks",
    "spark",
    "stack_days",
    "stack_hours",
]
