"""What `make test` and `make test-all` run: the tests on PostgreSQL and Redis, then those marked `trial` on SQLite;
`make test-all` those of the ledger once more, with the usage records in months.

The servers are private to the run, unless TEST_DATABASE_URL and TEST_REDIS_URL name some. What stands after `--` goes
to pytest. `--mode production` or `--mode trial` runs one half, `--client lean` has the proxies use that client.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.hermetic import ROOT
from tests.servers import PostgreSQL, Redis, ServerFailed, end_left_over

NO_TEST_RAN = 5  # pytest's exit code
MODES = {
    "production": "Tests on PostgreSQL and Redis",
    "trial": "Tests in trial mode, on SQLite",
    "months": "Tests of the ledger on PostgreSQL, with the usage records in months",
}
# What reads and writes usage records. In months it must say the same (docs/adr/0013).
LEDGER = [
    *(
        f"tests/analytics/test_{name}.py"
        for name in (
            "api_numbers",
            "call_ids",
            "completions",
            "completions_at_once",
            "completions_in_any_order",
            "condensing",
            "created_objects",
            "exports",
            "ledger",
            "ledger_caps",
            "own_prices",
            "price_changes",
            "price_preview",
            "receipts",
            "receipts_later",
            "reports",
            "reports_hours",
            "repricing",
            "repricing_at_once",
            "reprice_command",
            "request_log",
            "requests_api",
            "retention",
            "rollups",
            "rollups_sums",
            "verification",
        )
    ),
    "tests/accounts/test_purging.py",
    "tests/admin/test_home.py",
    "tests/admin/test_large_tables.py",
    "tests/orgs/test_settings_pages.py",
    "tests/proxy/test_replay.py",
    "tests/proxy/test_tasks.py",
    "tests/proxy/test_tasks_at_once.py",
]


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


def find_chromium() -> str | None:
    """A Chromium of the machine, or the one that Playwright has downloaded."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def missing_tools() -> list[str]:
    missing = [name for name in ("node", "npm", "curl") if shutil.which(name) is None]
    if find_chromium() is None:
        missing.append("chromium")
    return missing


def servers(stack: contextlib.ExitStack) -> dict[str, str]:
    """The variables that name the PostgreSQL and Redis to test on, started here unless they are given."""
    given = {name: os.environ.get(name, "") for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL")}
    kinds: tuple[tuple[str, type[PostgreSQL] | type[Redis]], ...]
    kinds = (("TEST_DATABASE_URL", PostgreSQL), ("TEST_REDIS_URL", Redis))
    for name, kind in kinds:
        if given[name]:
            say(f"Using the server of {name}")
            continue
        server = stack.enter_context(kind())
        given[name] = server.url
        say(f"Started {kind.__name__} ({server.command()[0]})")
    return given


def parallel() -> list[str]:
    """One process more than there are processors, since many tests wait for servers; each takes whole files."""
    processes = min((os.cpu_count() or 2) + 1, 8)
    # The order is that of tests/conftest.py.
    return ["-n", str(processes), "--dist", "loadfile", "--no-loadscope-reorder"]


def run_pytest(environment: dict[str, str], arguments: list[str]) -> int:
    """pytest's exit code. SIGTERM becomes Ctrl-C for pytest, so that its fixtures clean up."""
    command = [sys.executable, "-m", "pytest", *arguments]
    inherited = dict(os.environ)
    # A hundred processes start: without it each of them would compile our modules, and the tests, again.
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(command, cwd=ROOT, env=inherited | environment)
    before = signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
    patience: float | None = None
    try:
        while True:
            try:
                return process.wait(patience)
            except KeyboardInterrupt:
                say("Stopping")
                patience = (
                    15  # A terminal's Ctrl-C has reached pytest as well, and a second one would cut its cleaning.
                )
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGTERM, before)


def run_modes(modes: list[str], extras: str, arguments: list[str]) -> int:
    codes = []
    with contextlib.ExitStack() as stack:
        for mode in modes:
            environment = {"TEST_MODE": mode, "TEST_EXTRAS": extras}
            if mode == "months":
                environment = {"TEST_MODE": "production", "TEST_EXTRAS": "without", "TEST_MONTHS": "1"}
            if mode != "trial":
                environment |= servers(stack)
            say(MODES[mode])
            chosen = LEDGER if mode == "months" and not arguments else arguments
            codes.append(run_pytest(environment, [*parallel(), *chosen]))
            if codes[-1] not in (0, 1, NO_TEST_RAN):  # interrupted, or pytest could not run
                return codes[-1]
    if arguments:
        # A selection may lie in one of the modes only; but some test must have run.
        codes = [code for code in codes if code != NO_TEST_RAN] or [NO_TEST_RAN]
    return max(codes)


def usual_modes(options: argparse.Namespace) -> list[str]:
    with_months = options.extras != "without" and not options.arguments
    return ["production", "trial", *(["months"] if with_months else [])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    told = "the tests for Node, Chromium and clients of all kinds"
    parser.add_argument("--extras", choices=("with", "without", "only"), default="with", help=told)
    told_of_modes = "one part instead of all; months: the ledger's tests with the usage records partitioned"
    parser.add_argument("--mode", choices=("production", "trial", "months"), action="append", help=told_of_modes)
    parser.add_argument(
        "--client", choices=("aiohttp", "lean"), help="the proxies' upstream client, else the usual one"
    )
    parser.add_argument("arguments", nargs="*", help="for pytest")
    options = parser.parse_args()
    if options.extras != "without" and (missing := missing_tools()):
        print(
            f"make test-all needs what is not installed: {', '.join(missing)}. `make test` runs the rest.",
            file=sys.stderr,
        )
        return 1
    if options.client:
        os.environ["TEST_UPSTREAM_CLIENT"] = options.client
    pids = Path(tempfile.mkdtemp(prefix="aipc-pids-"))
    os.environ["TEST_PID_FOLDER"] = str(pids)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run_modes(options.mode or usual_modes(options), options.extras, options.arguments)
    except ServerFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if left := end_left_over():
            say(f"Ended {len(left)} left-over processes")
        shutil.rmtree(pids, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
