"""`make bench`: what one proxied call costs, beside the same call through nginx and through other gateways.

Starts everything by itself on loopback. What is measured runs on one core; the load, the fake upstream and the servers
beside it on another. Targets take turns within rounds; a figure is the median over the rounds of what they say within a
round. Absolute times belong to one machine on one day: quote the ratios.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import cases, figures, goals, lineup, load, machine, nginx, peers  # noqa: E402
from benchmarks.answers import events, is_usage_event  # noqa: E402
from benchmarks.cases import Case  # noqa: E402
from benchmarks.figures import Round, Sample  # noqa: E402
from benchmarks.lineup import DIRECT, OURS, Target  # noqa: E402
from benchmarks.programs import Program, create_key, end_what_was_started, manage, steady_port  # noqa: E402
from tests.processes import Server  # noqa: E402

__all__ = ["create_key", "main", "manage"]

WARM_UP_SECONDS = 0.6
FIRST_BYTES = 200  # streams in a window


class WrongAnswer(Exception):
    """A target changed an answer that it must not change, or did not meter what it has answered."""


class Bench:
    """The targets, and the upstream that answers the case in turn."""

    def __init__(self, stack: ExitStack, options: argparse.Namespace) -> None:
        self.options = options
        self.cores = machine.cores()
        self.load_before = os.getloadavg()[0]
        self.probe = stack.enter_context(machine.GapProbe(self.cores))
        self.port = steady_port()
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="aipc-bench-")))
        names = lineup.chosen(options.targets) + ([lineup.BESIDE] if options.beside else [])
        opened = lineup.Lineup(stack, folder, self.port, self.cores)
        opened.beside = options.beside
        self.targets = opened.open(names)
        self.answered = {target.name: 0 for target in self.targets}  # calls so far
        os.sched_setaffinity(0, {self.cores[0]})
        self.spare_retries = 0
        self.retried = 0

    def run(self, wanted: list[Case]) -> dict[str, list[Round]]:
        """The rounds of each case."""
        self.spare_retries = len(wanted) * len(self.targets) * self.options.rounds // 4
        return {case.name: self._run_case(case) for case in wanted}

    def _run_case(self, case: Case) -> list[Round]:
        print(f"\n{case.title}", flush=True)
        with self._upstream(case):
            wanted = [target for target in self.targets if case.is_for_slow_ones or target.patience == 1]
            targets = [target for target in wanted if self._is_right(target, case)]
            rounds, answered = [], dict(self.answered)
            for target in targets:
                self._window(target, case, WARM_UP_SECONDS * target.patience)
            for number in range(self.options.rounds):
                turn = number % len(targets)
                made = {target.name: self._sample(target, case) for target in [*targets[turn:], *targets[:turn]]}
                one = {name: sample for name, sample in made.items() if sample is not None}
                rounds.append(one)
                print(f"  round {number + 1}: {self._summary(one)}", flush=True)
            for target in targets:
                self._check_metering(target, case, self.answered[target.name] - answered[target.name])
        return rounds

    def _upstream(self, case: Case) -> Server:
        if case.whole is not None and nginx.is_there():
            return nginx.answering(self.port, case.whole())
        line = [sys.executable, "-m", "benchmarks.upstream", str(self.port), case.answer]
        return Program(line, self.port)

    def _request(self, target: Target, case: Case) -> load.Request:
        return case.request(prefix=target.prefix, headers=target.headers, with_metadata=target.is_ours)

    # Before a case.

    def _is_right(self, target: Target, case: Case) -> bool:
        """Whether the target can answer this case. Raises `WrongAnswer` when one that must not changes the answer."""
        client = load.Client(target.port, self._request(target, case))
        try:
            answer = client.call()
        except (load.LoadFailed, OSError) as error:
            if target.is_ours:
                raise
            print(f"  {target.title} is left out: {str(error)[:300]}", flush=True)
            return False
        finally:
            client.close()
        if target.is_ours or target.name in {DIRECT, "nginx", "bare"}:
            expected = self._expected(case, without_usage=target.metering is not None)
            if answer != expected:
                raise WrongAnswer(f"{target.title}, {case.title}: {answer[-300:]!r}")
        return True

    def _expected(self, case: Case, *, without_usage: bool) -> bytes:
        """The client asks for no usage, so the proxy asks for it and takes the event out."""
        if not case.is_streamed:
            assert case.whole is not None
            return case.whole()
        count = 1000 if case.answer == "sse-1000" else 50
        return b"".join(event for event in events(count) if not (without_usage and is_usage_event(event)))

    # A window of load.

    def _sample(self, target: Target, case: Case) -> Sample | None:
        """Once more when the machine was disturbed, as long as there are spare ones."""
        seconds = case.seconds * self.options.seconds * target.patience
        sample = self._window(target, case, seconds)
        if sample is not None and sample.disturbed_by and self.spare_retries:
            self.spare_retries -= 1
            self.retried += 1
            sample = self._window(target, case, seconds)
        return sample

    def _window(self, target: Target, case: Case, seconds: float) -> Sample | None:
        """None of a peer that fails."""
        try:
            return self._measure(target, case, seconds)
        except (load.LoadFailed, OSError) as failure:
            if target.name not in peers.PEERS:
                raise
            print(f"  {target.title}: {failure}", flush=True)
            return None

    def _measure(self, target: Target, case: Case, seconds: float) -> Sample:
        request = self._request(target, case)
        started, times, cpu = time.monotonic(), machine.core_times(self.cores[1]), _cpu(target)
        if case.measures_first_byte:
            calls, sample = _first_bytes(target, request)
        else:
            seen = load.run(
                target.port, request, seconds=seconds, connections=case.connections, waits=target.patience > 1
            )
            calls, sample = seen.calls, Sample(rate=seen.rate, p50_ms=seen.p50_ms, p99_ms=seen.p99_ms)
        used = _cpu(target) - cpu
        ended, times_after = time.monotonic(), machine.core_times(self.cores[1])
        strangers = machine.strangers_share(times, times_after, used, ended - started)
        self.answered[target.name] += calls
        if target.metering:
            target.metering.take_over()
        reason = _reason(self.probe.seen(started, ended), strangers if target.pid else 0)
        return replace(sample, cpu_us=used / calls * 1e6, disturbed_by=reason)

    @staticmethod
    def _check_metering(target: Target, case: Case, calls: int) -> None:
        """Raises `WrongAnswer` unless the journal has every call of this case with its usage."""
        if target.metering and (found := target.metering.counted(case.route.strip("/"), case.usage)) < calls:
            raise WrongAnswer(f"{target.title}, {case.title}: {calls} calls, {found} in the journal with their usage")

    @staticmethod
    def _summary(one: Round) -> str:
        parts = [f"{name} {sample.cpu_us:.0f}" for name, sample in one.items() if name != DIRECT]
        noise = {f"{name}: {sample.disturbed_by}" for name, sample in one.items() if sample.disturbed_by}
        return ", ".join(parts) + (f"  (disturbed: {'; '.join(sorted(noise))})" if noise else "")


def _cpu(target: Target) -> float:
    return machine.cpu_seconds(target.pid) if target.pid else 0.0


def _first_bytes(target: Target, request: load.Request) -> tuple[int, Sample]:
    client = load.Client(target.port, request)
    try:
        times = [client.first_byte_ms() for _ in range(FIRST_BYTES)]
    finally:
        client.close()
    return FIRST_BYTES, Sample(first_byte_ms=statistics.median(times))


def _reason(gaps: list[float], strangers: float) -> str:
    if gaps:
        return f"a gap of {max(gaps) * 1000:.0f} ms"
    if strangers > machine.STRANGERS_SHARE:
        return f"{strangers:.0%} of the core used by others"
    return ""


# --- What it says -----------------------------------------------------------------------------------------------------


def report(bench: Bench, wanted: list[Case], rounds: dict[str, list[Round]]) -> str:
    """In Markdown."""
    own = next((target.name for target in bench.targets if target.name in OURS), "")
    versions = ", ".join(target.title for target in bench.targets if target.name != DIRECT)
    samples = [sample for case in rounds.values() for one in case for sample in one.values()]
    disturbed = sum(bool(sample.disturbed_by) for sample in samples)
    about = (
        f"{date.today().isoformat()}, {bench.options.rounds} rounds; {machine.description()}, "  # noqa: DTZ011
        f"load {bench.load_before:.1f} at the start. Load by {load.name()}. {versions}. {len(samples)} windows, "
        f"{bench.retried} repeated since the machine was disturbed, {disturbed} left out for it; `*`: no undisturbed "
        f"one was left."
    )
    parts = [about, _case_table(bench.targets, wanted, rounds)]
    if own:
        parts.append(figures.table(["what", "goal", "measured", "met"], goals.rows(rounds, own)))
        parts.append(_shares(wanted, rounds, own))
    return "\n\n".join(part for part in parts if part)


def _case_table(targets: list[Target], wanted: list[Case], rounds: dict[str, list[Round]]) -> str:
    base = "nginx" if any(target.name == "nginx" for target in targets) else "bare"
    rows = [
        [case.title, target.title, *_figures(rounds[case.name], target.name, base)]
        for case in wanted
        for target in targets
        if target.name != DIRECT and any(target.name in one for one in rounds[case.name])
    ]
    heads = ["case", "target", "CPU us/call", f"CPU / {base}", "calls/s", "p50 ms added", "p99 ms added"]
    return figures.table([*heads, "first byte ms added"], rows)


def _figures(rounds: list[Round], name: str, base: str) -> list[str]:
    def added(read: Callable[[Sample], float]) -> str:
        found = figures.difference(rounds, name, DIRECT, read)
        return figures.shown(found) if found and any(read(one[name]) for one in rounds if name in one) else ""

    rate = figures.median(rounds, name, lambda sample: sample.rate)
    return [
        figures.shown(figures.median(rounds, name, lambda sample: sample.cpu_us), ".0f"),
        figures.shown(figures.ratio(rounds, name, base)),
        figures.shown(rate, ".0f") if rate and rate.value else "",
        added(lambda sample: sample.p50_ms),
        added(lambda sample: sample.p99_ms),
        added(lambda sample: sample.first_byte_ms),
    ]


def _shares(wanted: list[Case], rounds: dict[str, list[Round]], own: str) -> str:
    found = [(case.title, goals.metering_share(rounds[case.name], own)) for case in wanted]
    rows = [[title, figures.shown(share, ".0f", " %")] for title, share in found if share]
    return figures.table(["case", "metering's share of the CPU"], rows) if rows else ""


def main() -> None:
    named = ", ".join(one.name for one in cases.CASES)
    known = ", ".join((*lineup.STANDARD, *lineup.OTHERS, *peers.PEERS))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="how much longer each window is than usual")
    parser.add_argument("--only", nargs="+", default=[], metavar="CASE", help=named)
    parser.add_argument("--targets", nargs="+", default=[], metavar="TARGET", help=known)
    parser.add_argument("--beside", type=Path, metavar="TREE", help="measure another working tree of ours, too")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there, too")
    options = parser.parse_args()
    end_what_was_started()
    wanted = cases.named(options.only)
    for tool, place in ((load.has_wrk(), "wrk"), (nginx.is_there(), "nginx")):
        if not tool:
            print(f"{place} is not installed (your system's packages have it): a slower one of our own stands in.")
    with ExitStack() as stack:
        bench = Bench(stack, options)
        text = report(bench, wanted, bench.run(wanted))
    print(f"\n{text}")
    if options.markdown:
        options.markdown.write_text(text + "\n")


if __name__ == "__main__":
    main()
