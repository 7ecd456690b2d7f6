"""What all charts share: series of amounts, the largest of them first, and round numbers for an axis."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_SERIES = 8
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Series:
    """One name and its amount in each column of the chart, none negative."""

    name: str
    amounts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.amounts)


def gather(series: Sequence[Series], most: int = MOST_SERIES) -> tuple[Series, ...]:
    """The largest first. Where there are more than `most`, the smallest are one series called "other", last."""
    ranked = sorted(series, key=lambda one: (-one.total, one.name))
    if len(ranked) <= most:
        return tuple(ranked)
    rest = ranked[most - 1 :]
    sums = tuple(sum(amounts) for amounts in zip(*(one.amounts for one in rest), strict=True))
    return (*ranked[: most - 1], Series(OTHER, sums))


def round_ticks(largest: int, most: int = 4) -> list[int]:
    """0 and at most `most` round steps (1, 2 or 5 times a power of ten); the last is the first not below `largest`."""
    if largest <= 0:
        return [0, 1]
    power = 1
    while True:
        for factor in (1, 2, 5):
            step = factor * power
            if step * most >= largest:
                return list(range(0, step * -(-largest // step) + 1, step))
        power *= 10


def round_place(number: float) -> float:
    return round(number, 3)


def place_text(number: float) -> str:
    """As SVG reads it, without needless digits."""
    return f"{number:.3f}".rstrip("0").rstrip(".")
