"""The table of a chart as CSV: exact dollars, and nothing that a spreadsheet would take for a formula."""

import csv
import io
from collections.abc import Sequence

from analytics.charts.scale import Series

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_PICO_USD_PER_USD = 10**12


def write_csv(
    unit: str, names: Sequence[str], series: Sequence[Series], totals: Sequence[int], earlier: Sequence[int]
) -> str:
    """One line a column of the chart. `earlier` may be shorter, or empty: then it has no field."""
    parts = series if len(series) > 1 else ()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = [*(one.name for one in parts), "total", *(["previous period"] if earlier else [])]
    writer.writerow([unit, *(_safe(f"{head} (USD)") for head in heads)])
    for index, name in enumerate(names):
        row = [*(one.amounts[index] for one in parts), totals[index], *earlier[index : index + 1]]
        writer.writerow([name, *map(exact_usd, row)])
    return text.getvalue()


def exact_usd(pico_usd: int) -> str:
    """Every digit, at least two decimals. Not negative."""
    whole, rest = divmod(pico_usd, _PICO_USD_PER_USD)
    return f"{whole}.{f'{rest:012d}'.rstrip('0').ljust(2, '0')}"


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
