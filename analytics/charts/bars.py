"""A few things side by side, each with what it costs and how often it is used: versions of a prompt.

Cost and volume have no common scale, so each gets bars of its own: two axes in one picture would only seem to compare.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.charts.scale import round_place

_LEAST_VISIBLE = 0.6  # percent: what is not nothing is never invisible


@dataclass(frozen=True, slots=True)
class CompareRow:
    """`number` chooses the colour, as in a stacked chart. The shares are percentages of the largest of their kind."""

    number: int
    name: str
    cost: int | None  # None: no price
    count: int
    cost_share: float
    count_share: float


@dataclass(frozen=True, slots=True)
class CompareBars:
    rows: tuple[CompareRow, ...]


def compare_bars(names: Sequence[str], costs: Sequence[int | None], counts: Sequence[int]) -> CompareBars:
    """In the order given. `costs` are pico-USD (totals or averages, as the caller's heading says), none negative."""
    most_cost = max((cost for cost in costs if cost is not None), default=0)
    most_count = max(counts, default=0)
    return CompareBars(
        tuple(
            CompareRow(
                number=index % 8 + 1,
                name=name,
                cost=cost,
                count=count,
                cost_share=_share(cost or 0, most_cost),
                count_share=_share(count, most_count),
            )
            for index, (name, cost, count) in enumerate(zip(names, costs, counts, strict=True))
        )
    )


def _share(part: int, largest: int) -> float:
    return max(_LEAST_VISIBLE, round_place(100 * part / largest)) if part else 0.0
