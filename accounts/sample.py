"""Figures for the picture of the dashboard on the front page. Made up, and the page says so."""

from dataclasses import dataclass
from datetime import date, timedelta

from analytics import charts

_FIRST_DAY = date(2026, 6, 1)
_CENT_IN_PICO_USD = 10**10
# Cents a day of thirty, weekends lower; the support assistant changed its model on the 17th.
_SPEND = {
    "support-assistant": "812 845 798 871 902 431 388 866 893 914 884 941 472 419 902 937 961 584 561 288 254 549 "
    "571 602 588 617 301 276 594 622",
    "document-summarizer": "342 318 377 361 402 188 142 388 351 409 420 398 201 166 433 441 419 452 447 215 183 463 "
    "471 448 492 501 233 197 488 510",
    "search-rewrite": "121 133 128 140 137 96 88 139 144 151 148 156 104 91 158 163 161 170 167 112 98 172 181 178 "
    "186 184 121 107 189 195",
    "mail-triage": "58 61 55 63 66 12 9 64 60 67 71 69 14 11 72 70 75 73 78 15 12 77 80 79 83 81 17 13 84 86",
}
_REQUESTS = {
    "support-assistant": 48_210,
    "document-summarizer": 9_874,
    "search-rewrite": 131_406,
    "mail-triage": 22_318,
}
_PREVIOUS = (
    "1190 1210 1245 1188 604 571 1230 1251 1262 1240 1275 611 590 1281 1290 1266 1302 1311 640 602 1322 1315 1340 1351 "
    "1333 661 628 1362 1370 1381"
)


@dataclass(frozen=True, slots=True)
class SampleRow:
    name: str
    requests: int
    cost_pico_usd: int
    spark: charts.Spark


@dataclass(frozen=True, slots=True)
class Sample:
    chart: charts.Chart
    rows: tuple[SampleRow, ...]
    total_pico_usd: int
    previous_pico_usd: int

    @property
    def bars(self) -> charts.CompareBars:
        rows = self.rows
        return charts.compare_bars(
            [row.name for row in rows], [row.cost_pico_usd for row in rows], [row.requests for row in rows]
        )

    @property
    def requests(self) -> int:
        return sum(row.requests for row in self.rows)

    @property
    def change_percent(self) -> int:
        return round((self.total_pico_usd - self.previous_pico_usd) * 100 / self.previous_pico_usd)


def draw() -> Sample:
    series = [charts.Series(name, _amounts(cents)) for name, cents in _SPEND.items()]
    previous = _amounts(_PREVIOUS)
    days = [_FIRST_DAY + timedelta(days=number) for number in range(len(previous))]
    rows = tuple(SampleRow(one.name, _REQUESTS[one.name], one.total, charts.spark(one.amounts)) for one in series)
    return Sample(
        chart=charts.stack_days(days, series, previous=previous),
        rows=rows,
        total_pico_usd=sum(row.cost_pico_usd for row in rows),
        previous_pico_usd=sum(previous),
    )


def _amounts(cents: str) -> tuple[int, ...]:
    return tuple(int(number) * _CENT_IN_PICO_USD for number in cents.split())
