"""What rounds of measurements say: medians of the ratios and of the differences within a round. Pure.

A sample is disturbed when the machine was not ours while it was taken. Of two targets those rounds are compared in
which neither was disturbed, or, when there is none, all of them, and the figure is marked.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One target's figures in one round of a case; 0 where it has none."""

    cpu_us: float = 0.0  # a call
    rate: float = 0.0  # calls a second
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    first_byte_ms: float = 0.0
    disturbed_by: str = ""


Round = dict[str, Sample]  # by the target's name


@dataclass(frozen=True)
class Figure:
    """A median, and of how many rounds."""

    value: float
    rounds: int
    is_disturbed: bool = False

    def text(self, form: str = ".2f", unit: str = "") -> str:
        return f"{self.value:{form}}{unit}{'*' if self.is_disturbed else ''}"


def median(rounds: Sequence[Round], target: str, read: Callable[[Sample], float]) -> Figure | None:
    """Of one target's figure. None when it was not measured."""
    return _median([[one[target]] for one in rounds if target in one], lambda samples: read(samples[0]))


def ratio(
    rounds: Sequence[Round], own: str, other: str, read: Callable[[Sample], float] = lambda sample: sample.cpu_us
) -> Figure | None:
    """How many times the other's. None when one of them was not measured."""
    pairs = [pair for pair in _pairs(rounds, own, other) if read(pair[1])]
    return _median(pairs, lambda pair: read(pair[0]) / read(pair[1]))


def difference(rounds: Sequence[Round], own: str, other: str, read: Callable[[Sample], float]) -> Figure | None:
    """How much more than the other's. None when one of them was not measured."""
    return _median(_pairs(rounds, own, other), lambda pair: read(pair[0]) - read(pair[1]))


def _pairs(rounds: Sequence[Round], own: str, other: str) -> list[list[Sample]]:
    return [[one[own], one[other]] for one in rounds if own in one and other in one]


def _median(groups: Sequence[list[Sample]], compute: Callable[[list[Sample]], float]) -> Figure | None:
    if not groups:
        return None
    calm = [group for group in groups if not any(sample.disturbed_by for sample in group)]
    return Figure(statistics.median(map(compute, calm or groups)), len(calm or groups), is_disturbed=not calm)


# --- Tables -----------------------------------------------------------------------------------------------------------


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown; all columns but those of words to the right."""
    words = {"case", "target", "what", "goal", "page"}
    rule = "|".join("---" if head in words else "---:" for head in heads)
    lines = [" | ".join(heads), *(" | ".join(row) for row in rows)]
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])])


def shown(figure: Figure | None, form: str = ".2f", unit: str = "") -> str:
    return figure.text(form, unit) if figure else ""
