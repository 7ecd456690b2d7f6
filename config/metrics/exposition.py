"""Numbers as Prometheus reads them: its text format, version 0.0.4 ("Exposition formats", Prometheus documentation)."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from config.metrics.families import FAMILIES, Family
from config.metrics.store import Series, Values

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_MERGE: Mapping[str, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max, "min": min}


def merge(parts: Sequence[Values]) -> Values:
    """Counters and histograms are added up, gauges as their families say."""
    found: dict[Series, list[float]] = {}
    for part in parts:
        for series, value in part.items():
            found.setdefault(series, []).append(value)
    return {
        series: float(_MERGE[FAMILIES[series[0]].merge](values))
        for series, values in found.items()
        if series[0] in FAMILIES
    }


def write(values: Values) -> bytes:
    """In the order of the families, each with what it tells."""
    by_family: dict[str, list[tuple[Series, float]]] = {}
    for series, value in sorted(values.items()):
        by_family.setdefault(series[0], []).append((series, value))
    lines: list[str] = []
    for name, family in FAMILIES.items():
        if found := by_family.get(name):
            lines += [f"# HELP {name} {family.tells}", f"# TYPE {name} {family.kind}"]
            lines += _histogram(family, found) if family.kind == "histogram" else _plain(family, found)
    return ("\n".join(lines) + "\n").encode()


def _plain(family: Family, found: Iterable[tuple[Series, float]]) -> list[str]:
    return [f"{family.name}{_braces(_labels(family, series))} {_number(value)}" for series, value in found]


def _histogram(family: Family, found: Iterable[tuple[Series, float]]) -> list[str]:
    by_labels: dict[Series, dict[str, float]] = {}
    for series, value in found:
        by_labels.setdefault(series[2:], {})[series[1]] = value
    lines = []
    for labels, parts in by_labels.items():
        named = dict(zip(family.labels, labels, strict=True))
        total = 0.0
        for number, bound in enumerate((*map(_number, family.bounds), "+Inf")):
            total += parts.get(str(number), 0.0)
            lines.append(f"{family.name}_bucket{_braces({**named, 'le': bound})} {_number(total)}")
        lines.append(f"{family.name}_sum{_braces(named)} {_number(parts.get('sum', 0.0))}")
        lines.append(f"{family.name}_count{_braces(named)} {_number(total)}")
    return lines


def _labels(family: Family, series: Series) -> Mapping[str, str]:
    return dict(zip(family.labels, series[2:], strict=True))


def _braces(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
