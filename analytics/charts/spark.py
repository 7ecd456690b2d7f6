"""A line without axes, for a cell of a list: the shape of the last weeks, not their amounts."""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.charts.scale import place_text

WIDTH = 100
HEIGHT = 24
_MARGIN = 2  # above and below, so that the stroke is whole


@dataclass(frozen=True, slots=True)
class Spark:
    """`line` and `area` are SVG path data in a box of `width` x `height`, which may be stretched to any width."""

    line: str
    area: str
    is_empty: bool  # nothing in any column: a flat line on the ground
    width: int = WIDTH
    height: int = HEIGHT


def spark(amounts: Sequence[int]) -> Spark:
    """From the ground up to the largest amount; one amount is a level line. None negative."""
    largest = max(amounts, default=0)
    points = [_height_of(amount, largest) for amount in (amounts if len(amounts) > 1 else [*amounts, *amounts])]
    if not points:
        points = [float(HEIGHT - _MARGIN)] * 2
    step = WIDTH / (len(points) - 1)
    line = "M" + "L".join(f"{place_text(index * step)} {place_text(y)}" for index, y in enumerate(points))
    return Spark(line=line, area=f"{line}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z", is_empty=not largest)


def _height_of(amount: int, largest: int) -> float:
    ground = HEIGHT - _MARGIN
    return ground - (ground - _MARGIN) * amount / largest if largest else float(ground)
