"""What a proxied call may cost, and what the rounds of `benchmarks.run` say of each. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure, Round, difference, ratio

Rounds = Mapping[str, Sequence[Round]]  # by the case's name


@dataclass(frozen=True)
class Goal:
    what: str
    limit: float
    limit_text: str
    measure: Callable[[Rounds, str], Figure | None]  # `str`: which of our targets
    form: str = ".2f"
    unit: str = "x"


def _cpu(case: str, other: str) -> Callable[[Rounds, str], Figure | None]:
    return lambda rounds, own: ratio(rounds.get(case, ()), own, other)


def _first_byte(rounds: Rounds, own: str) -> Figure | None:
    return difference(rounds.get("sse-50-first", ()), own, "direct", lambda sample: sample.first_byte_ms)


def _added_p50(rounds: Rounds, own: str) -> Figure | None:
    return difference(rounds.get("json-1k-1", ()), own, "direct", lambda sample: sample.p50_ms)


def _p99_beside_nginx(rounds: Rounds, own: str) -> Figure | None:
    return difference(rounds.get("json-1k-1", ()), own, "nginx", lambda sample: sample.p99_ms)


def metering_share(rounds: Sequence[Round], own: str) -> Figure | None:
    """Of a call's CPU, in percent."""
    left = ratio(rounds, "unmetered", own)
    return Figure((1 - left.value) * 100, left.rounds, left.is_disturbed) if left else None


GOALS = [
    Goal("CPU of a JSON call, beside nginx as reverse proxy", 6, "6x", _cpu("json-1k", "nginx")),
    Goal("beside the Go gateway (ferrogw)", 0.55, "0.55x", _cpu("json-1k", "ferrogw")),
    Goal("beside Portkey", 1 / 15, "1/15", _cpu("json-1k", "portkey"), ".3f"),
    Goal("beside LiteLLM", 1 / 80, "1/80", _cpu("json-1k", "litellm"), ".4f"),
    Goal("CPU of a stream of 50 chunks at once, beside nginx", 2, "2x", _cpu("sse-50", "nginx")),
    Goal("beside the Go gateway", 0.4, "0.4x", _cpu("sse-50", "ferrogw")),
    Goal("CPU of a stream of 50 chunks, 2 ms each, beside nginx", 2.6, "2.6x", _cpu("sse-50-paced", "nginx")),
    Goal("beside the Go gateway", 0.75, "0.75x", _cpu("sse-50-paced", "ferrogw")),
    Goal("time to the first byte of a stream added, p50", 0.5, "0.5 ms", _first_byte, unit=" ms"),
    Goal("latency added at 1 connection, p50", 0.3, "0.3 ms", _added_p50, unit=" ms"),
    Goal("p99 at 1 connection above nginx's", 2, "2 ms", _p99_beside_nginx, unit=" ms"),
    Goal(
        "metering's share of a JSON call's CPU",
        25,
        "25 %",
        lambda rounds, own: metering_share(rounds.get("json-1k", ()), own),
        ".0f",
        " %",
    ),
]


def rows(rounds: Rounds, own: str) -> list[list[str]]:
    """What, at most how much, what was measured and whether that is met; the latter two empty where not measured."""
    made = []
    for goal in GOALS:
        figure = goal.measure(rounds, own)
        if figure is None:
            made.append([goal.what, goal.limit_text, "", ""])
        else:
            verdict = "yes" if figure.value <= goal.limit else "no"
            made.append([goal.what, goal.limit_text, figure.text(goal.form, goal.unit), verdict])
    return made
