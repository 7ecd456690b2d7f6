"""The versions of a prompt side by side: what they cost, how fast they answered, and which models really did."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analytics.models.rollups import FIRST_TOKEN_COLUMNS, LATENCY_COLUMNS
from analytics.quantities import COLUMNS, QUANTITY_COLUMNS
from analytics.reports.rankings import Row, rank_models
from analytics.reports.reading import read_groups
from analytics.reports.scope import NO_VERSION, Scope
from analytics.reports.sums import SUM_COLUMNS, Sums, sums_from
from analytics.rollups import quantile_ms

# What a request's input is made of: none of it is counted twice.
INPUT_COLUMNS = tuple(column for name, column in COLUMNS.items() if name.startswith(("input", "cache_")))


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram of milliseconds. The quantiles are estimates, None without any calls."""

    counts: tuple[int, ...]

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def p50_ms(self) -> float | None:
        return quantile_ms(self.counts, 0.5)

    @property
    def p95_ms(self) -> float | None:
        return quantile_ms(self.counts, 0.95)


@dataclass(frozen=True, slots=True)
class VersionSums:
    """One version's usage. Shares are 0 to 1, None where there is nothing to share out."""

    number: int  # 0 is usage without a version
    sums: Sums
    latency: Durations  # of requests
    first_token: Durations  # of streamed requests
    models: tuple[Row, ...]  # those that answered, the most expensive first; values are (provider, model)

    @property
    def name(self) -> str:
        return f"v{self.number}" if self.number else NO_VERSION

    @property
    def error_share(self) -> float | None:
        return self.sums.error_share

    @property
    def cache_hit_share(self) -> float | None:
        """Of all input tokens, those that the provider read from its cache."""
        tokens = sum(getattr(self.sums, name) for name in INPUT_COLUMNS)
        return self.sums.cache_read_tokens / tokens if tokens else None

    @property
    def per_request(self) -> Mapping[str, float]:
        """Tokens, searches, ... by column of the roll-ups; empty without requests whose usage is told already."""
        requests = self.sums.request_count - self.sums.pending_count
        return {name: getattr(self.sums, name) / requests for name in QUANTITY_COLUMNS} if requests else {}


def version_sums(scope: Scope) -> list[VersionSums]:
    """Every version that was used in the scope, by number, usage without one last. One query.

    A scope without a prompt key mixes the versions of all prompts.
    """
    columns = (*SUM_COLUMNS, *LATENCY_COLUMNS, *FIRST_TOKEN_COLUMNS)
    found: dict[int, dict[tuple[str, str], tuple[int, ...]]] = {}
    for (version, provider, model), amounts in read_groups(scope, ("version", "provider", "model"), columns):
        if any(amounts):
            found.setdefault(version, {})[provider, model] = amounts
    rows = [_add_models(number, models) for number, models in found.items()]
    return sorted(rows, key=lambda row: (row.number == 0, row.number))


def _add_models(number: int, models: Mapping[tuple[str, str], Sequence[int]]) -> VersionSums:
    width, histogram = len(SUM_COLUMNS), len(LATENCY_COLUMNS)
    amounts = _add(models.values())
    return VersionSums(
        number=number,
        sums=sums_from(amounts[:width]),
        latency=Durations(amounts[width : width + histogram]),
        first_token=Durations(amounts[width + histogram :]),
        models=tuple(rank_models({model: sums_from(found[:width]) for model, found in models.items()})),
    )


def _add(counted: Iterable[Sequence[int]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*counted, strict=True)))
