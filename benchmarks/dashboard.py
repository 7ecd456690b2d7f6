"""`python -m benchmarks.dashboard`: how long the pages of a big organization take, beside one a tenth its size.

Loads an organization with ten million records over thirteen months into a PostgreSQL of its own, and the same one with
a tenth of them; keeps both in `--folder` for the next run. Then asks for each page in turn, in this process, through
Django's test client, and prints server times, queries and the ratio between the two organizations. `--quick` does it
with a hundredth of that, in a database that is not kept.
"""

import argparse
import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import figures  # noqa: E402
from benchmarks.kept_database import opened, opened_fresh  # noqa: E402
from benchmarks.programs import end_what_was_started  # noqa: E402

NAMES = ("Big", "Small")
FOLDER = ROOT / "var" / "benchmark-dashboard"
QUICK_RECORDS = 100_000


@dataclass(frozen=True)
class Case:
    """A page, by the end of its address and its parameters."""

    name: str
    page: str
    parameters: dict[str, str]
    target_ms: int | None = None


@dataclass
class Times:
    page_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)  # of this process and of PostgreSQL's for this connection
    sql_ms: list[float] = field(default_factory=list)
    queries: int = 0
    size: int = 0

    def p(self, share: float) -> float:
        ordered = sorted(self.page_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def cases_for(last: date) -> list[Case]:
    def days(count: int) -> dict[str, str]:
        return {"start": str(last - timedelta(days=count - 1)), "end": str(last)}

    quarter, year = days(90), days(395)
    versions = {"prompt": "prompt-001"}
    log = "requests/"
    return [
        Case("dashboard, 90 days", "", quarter, 100),
        Case("dashboard, 90 days, a frequent tag", "", {**quarter, "tag": "customer-0"}, 100),
        Case("dashboard, 90 days, a rare tag", "", {**quarter, "tag": "region-9"}, 100),
        Case("dashboard, 90 days, stacked by model", "", {**quarter, "by": "model"}, 100),
        Case("dashboard, 90 days, a provider", "", {**quarter, "provider": "openai"}),
        Case("dashboard, 90 days, a prompt", "", {**quarter, "prompt": "prompt-001"}),
        Case("dashboard, 13 months", "", year, 300),
        Case("dashboard, 13 months, a frequent tag", "", {**year, "tag": "customer-0"}, 300),
        Case("dashboard, 13 months, a rare tag", "", {**year, "tag": "region-9"}, 300),
        Case("dashboard, 13 months, a provider", "", {**year, "provider": "openai"}),
        Case("dashboard, 13 months, a prompt", "", {**year, "prompt": "prompt-001"}),
        Case("versions of a prompt, 90 days", "versions/", {**quarter, **versions}, 100),
        Case("versions of a prompt, 13 months", "versions/", {**year, **versions}, 300),
        Case("request log, from the middle", log, {**year, "cursor": "middle"}, 50),
        Case("request log, a frequent prompt", log, {**year, "prompt": "prompt-001", "cursor": "middle"}, 50),
        Case("request log, a rare prompt", log, {**year, "prompt": "rare", "cursor": "middle"}, 50),
        Case("request log, a rare key", log, {**year, "key": "rare", "cursor": "middle"}, 50),
        Case("request log, a rare team", log, {**year, "team": "rare", "cursor": "middle"}, 50),
        Case("request log, a rare model", log, {**year, "model": "rare", "cursor": "middle"}, 50),
        Case("request log, a rare tag", log, {**year, "tag": "region-9", "cursor": "middle"}, 50),
        Case("request log, errors", log, {**year, "status": "error", "cursor": "middle"}, 50),
        Case("request log, interrupted", log, {**year, "flag": "interrupted", "cursor": "middle"}, 50),
        Case("request log, estimated", log, {**year, "flag": "estimated", "cursor": "middle"}, 50),
        Case("request log, a tag that is not there", log, {**year, "tag": "none such", "cursor": "middle"}, 50),
    ]


# --- Loading ----------------------------------------------------------------------------------------------------------


def load_once(folder: Path, records: int) -> date:
    """The last day of what is loaded; loads it if it is not there, which takes minutes."""
    note = folder / "loaded.json"
    if note.exists():
        loaded = json.loads(note.read_text())
        if loaded["records"] == records:
            return date.fromisoformat(loaded["last"])
        raise SystemExit(f"{folder} holds {loaded['records']:,} records: choose another --folder, or --reload.")
    last = load(records)
    note.write_text(json.dumps({"records": records, "last": str(last)}))
    return last


def load(records: int) -> date:
    """The last day of what was loaded now."""
    from django.db import connection

    from benchmarks import sample_rollups, sample_usage

    started = time.monotonic()

    def report(text: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {text}", flush=True)

    last = date.today()  # noqa: DTZ011 - any day will do
    plans = [sample_usage.Plan(NAMES[0], records), sample_usage.Plan(NAMES[1], records // 10)]
    organizations = sample_usage.create(plans, last, report)
    sample_rollups.create(organizations, last - timedelta(days=sample_usage.DAYS - 1), last)
    report("roll-ups")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    report("vacuum")
    for organization in organizations:
        same = sample_rollups.check_day(organization, last - timedelta(days=100))
        report(f"{same:,} roll-up rows of a day of {organization.name} are what analytics.rollups makes")
    return last


def condense() -> None:
    """As the clock process of a production set-up does every half hour."""
    from django.db import connection
    from django.utils import timezone

    from analytics import condensing

    started = time.monotonic()
    if count := condensing.condense_due(now=timezone.now(), patience_seconds=3600):
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        print(f"{time.monotonic() - started:5.0f} s  condensed {count} days, weeks and months", flush=True)


# --- Measuring --------------------------------------------------------------------------------------------------------


class Unanswered(Exception):
    """A page was not what was asked for."""


class Visitor:
    """The owner of one of the organizations, signed in."""

    def __init__(self, name: str, last: date) -> None:
        from django.test import Client

        from orgs.models import Organization

        self.organization = Organization.objects.get(name=name)
        self.client = Client(raise_request_exception=False, HTTP_HOST="localhost")
        self.client.force_login(self.organization.memberships.get().user)
        self.last = last
        self.times: dict[str, Times] = {}
        self._rare = self._find_rare()

    def address(self, case: Case) -> str:
        parameters = {name: self._rare[name] if value == "rare" else value for name, value in case.parameters.items()}
        if parameters.get("cursor") == "middle":
            parameters["cursor"] = self._middle()
        return f"/app/{self.organization.slug}/{case.page}?{urlencode(parameters)}"

    def visit(self, case: Case) -> list[tuple[str, Any]]:
        """Ask for the page once, and note what it took. Returns its queries."""
        address = self.address(case)
        with _watched() as seen:
            began, used = time.perf_counter(), _cpu_seconds()
            answer = self.client.get(address)
            took, used = time.perf_counter() - began, _cpu_seconds() - used
        if answer.status_code != 200:
            raise Unanswered(f"{address} answered {answer.status_code}")
        times = self.times.setdefault(case.name, Times())
        times.page_ms.append(took * 1000)
        times.cpu_ms.append(used * 1000)
        times.sql_ms.append(sum(seconds for _, _, seconds in seen) * 1000)
        times.queries, times.size = len(seen), len(answer.content)
        return [(sql, parameters) for sql, parameters, _ in seen]

    def _middle(self) -> str:
        """The place in the log of a call that would have started in the middle of the time."""
        from datetime import UTC, datetime

        moment = datetime.combine(self.last - timedelta(days=197), datetime.min.time(), tzinfo=UTC)
        return f"{int(moment.timestamp()) * 1_000_000}-{'0' * 32}"

    def _find_rare(self) -> dict[str, str]:
        from django.db.models import Sum

        from analytics.models import DailyUsage

        usage = DailyUsage.objects.filter(organization_id=self.organization.pk, request_count__gt=0)
        found = {}
        for name, column in {"prompt": "prompt_key", "key": "api_key_id", "team": "team_id", "model": "model"}.items():
            rarest = usage.values(column).annotate(count=Sum("request_count")).order_by("count", column).first()
            found[name] = str(rarest[column])
        return found


def _cpu_seconds() -> float:
    """Of this process and of the server process of its connection (to the nanosecond, on Linux)."""
    from django.db import connection

    connection.ensure_connection()
    place = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return time.process_time() + int(place.read_text().split()[0]) / 1e9


@contextmanager
def _watched() -> Iterator[list[tuple[str, Any, float]]]:
    """The statements that run inside, with their parameters and how long each took."""
    from django.db import connection

    seen: list[tuple[str, Any, float]] = []

    def watch(execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, parameters, many, context)
        finally:
            seen.append((sql, parameters, time.perf_counter() - began))

    with connection.execute_wrapper(watch):
        yield seen


def explain(visitor: Visitor, case: Case) -> None:
    """Print what PostgreSQL did for each statement of the page that reads usage."""
    from django.db import connection

    visitor.visit(case)
    for sql, parameters in visitor.visit(case):
        if "FROM" in sql and "analytics_" in sql:
            print(f"\n{sql[:2000]}\n{parameters}")
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {sql}", parameters)
                print("\n".join(line for (line,) in cursor.fetchall()))


def measure(cases: list[Case], big: Visitor, small: Visitor, rounds: int) -> list[Case]:
    """Ask for every page in turn, after one round of warming up. Returns the cases that were answered."""
    answered = list(cases)
    for number in range(-1, rounds):
        if number == 0:
            big.times.clear()
            small.times.clear()
        for case in list(answered):
            try:
                big.visit(case)
                small.visit(case)
            except Unanswered as failure:
                print(failure, file=sys.stderr)
                answered.remove(case)
    return answered


HEADS = [
    "page",
    "queries",
    "KB",
    "SQL ms",
    "CPU ms",
    "p50 ms",
    "p95 ms",
    "goal ms",
    "small: CPU ms",
    "small: p95 ms",
    "CPU ratio",
]


def make_row(case: Case, big: Visitor, small: Visitor) -> list[str]:
    times, others = big.times[case.name], small.times[case.name]
    cpu, cpu_of_others = statistics.median(times.cpu_ms), statistics.median(others.cpu_ms)
    milliseconds = [statistics.median(times.sql_ms), cpu, times.p(0.5), times.p(0.95)]
    return [
        case.name,
        str(times.queries),
        str(times.size // 1024),
        *(f"{figure:.0f}" for figure in milliseconds),
        str(case.target_ms or ""),
        f"{cpu_of_others:.0f}",
        f"{others.p(0.95):.0f}",
        f"{cpu / cpu_of_others:.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000_000, help="of the big organization")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the database is kept between runs")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="", help="pages whose name contains this")
    parser.add_argument("--explain", action="store_true", help="print query plans instead of times")
    parser.add_argument("--reload", action="store_true", help="delete what is kept, and load anew")
    parser.add_argument("--quick", action="store_true", help="100,000 records, not kept; about a minute")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    end_what_was_started()
    if options.reload:
        shutil.rmtree(options.folder, ignore_errors=True)
    if options.quick:
        with opened_fresh():
            text = run(options, load(min(options.records, QUICK_RECORDS)))
    else:
        with opened(options.folder):
            text = run(options, load_once(options.folder, options.records))
    print(f"\n{text}")
    if options.markdown:
        options.markdown.write_text(text + "\n")


def run(options: argparse.Namespace, last: date) -> str:
    """The table, in Markdown; empty when plans were asked for."""
    condense()
    big, small = (Visitor(name, last) for name in NAMES)
    cases = [case for case in cases_for(last) if options.only in case.name]
    if options.explain:
        for case in cases:
            print(f"\n=== {case.name}")
            explain(big, case)
        return ""
    answered = measure(cases, big, small, options.rounds)
    return figures.table(HEADS, [make_row(case, big, small) for case in answered])


if __name__ == "__main__":
    main()
