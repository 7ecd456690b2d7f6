"""The set-up that clients are run in: client, tap, served proxy in trial mode with its ledger, fake provider."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.hermetic import ROOT, environment
from tests.clients import books
from tests.clients.differences import find_differences
from tests.clients.tap import Exchange as Seen
from tests.clients.tap import Tap
from tests.documentation.served import Account, Served
from tests.fake_provider import Exchange
from tests.processes import wait_until


@dataclass(frozen=True, slots=True)
class Call:
    """One call, from all four sides."""

    seen: Seen  # by the client
    upstream: Exchange | None  # by the provider; None: we refused it
    record: dict[str, Any]


@dataclass(slots=True)
class Run:
    """What a client's program did, scenario by scenario."""

    account: Account
    errors: dict[str, str] = field(default_factory=dict)
    output: str = ""


class Stage:
    def __init__(self, served: Served, tap: Tap) -> None:
        self.served, self.tap = served, tap

    def run(self, command: Sequence[str | Path], scenarios: Sequence[str], *, tags: str, cwd: Path = ROOT) -> Run:
        """Run a program with an organization of its own, until it has gone through its scenarios."""
        run = Run(self.served.new_account())
        given = {"MATRIX_URL": self.tap.url, "MATRIX_KEY": run.account.key, "MATRIX_TAGS": tags}
        quiet = {"PYTHONWARNINGS": "ignore", "NODE_NO_WARNINGS": "1", "AI_SDK_LOG_WARNINGS": "false"}
        done = subprocess.run(
            [*map(str, command), *scenarios], cwd=cwd, env=environment() | given | quiet, capture_output=True,
            text=True, timeout=600,
        )  # fmt: skip
        run.output = done.stdout + done.stderr
        for line in done.stdout.splitlines():
            if line.startswith('{"scenario"'):
                told = json.loads(line)
                run.errors[told["scenario"]] = told["error"]
        return run

    def records(self, account: Account) -> list[dict[str, Any]]:
        return books.booked(self.served.folder / "db.sqlite3", account.organization_id)

    def calls(self, account: Account, name: str) -> list[Call]:
        """Those that were made with this prompt key, in the order in which they began, now that they are booked."""
        seen = [one for one in self.tap.exchanges() if account.key in str(one.request.headers) and _is_of(one, name)]
        ids = [one.answer.header("x-aipc-request-id") for one in seen if one.answer]
        upstream = {one.request_id: one for one in self.served.provider.log if one.request_id}

        def by_id() -> dict[str, dict[str, Any]]:
            return {record["id"]: record for record in self.records(account)}

        wait_until(lambda: set(ids) <= set(by_id()), f"the calls of {name} are in the ledger")
        found, records = [], by_id()
        for one in seen:
            assert one.answer is not None, f"{one.request.method} {one.request.target} got no whole answer"
            record = records[one.answer.header("x-aipc-request-id")]
            id_ = one.answer.header("x-request-id") or one.answer.header("request-id")
            found.append(Call(one, upstream.get(id_), record))
        return found

    def differences(self, call: Call) -> list[str]:
        assert call.upstream is not None
        return find_differences(call.seen, call.upstream, self.tap.url)

    def misbookings(self, call: Call) -> list[str]:
        assert call.upstream is not None
        is_made = call.record["method"] == "POST" and call.record["route"] in books.MADE
        later = self.served.provider.used(call.upstream.id) if is_made else []
        return books.find_misbookings(call.record, call.upstream, later)


def _is_of(seen: Seen, name: str) -> bool:
    """Whether the call has this prompt key, in its headers or in its body."""
    if seen.request.header("x-aipc-prompt-key"):
        return seen.request.header("x-aipc-prompt-key") == name
    return f'"prompt_key":"{name}"'.encode() in seen.request.body.replace(b'": "', b'":"')


@contextlib.contextmanager
def set_up(folder: Path) -> Iterator[Stage]:
    with Tap() as tap:
        served = Served(folder, {"PUBLIC_URL": tap.url})
        served.start()
        tap.target = served.server.port
        try:
            yield Stage(served, tap)
            assert "Traceback" not in served.server.output, served.server.output[-6000:]
        finally:
            served.stop()
