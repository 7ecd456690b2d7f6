"""The production topology on one machine: two proxy processes, two workers, PostgreSQL, Redis, a provider."""

import http.client
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psycopg

from tests.faults.provider import ProviderProcess
from tests.servers import PostgreSQL, ProxyServer, Redis, Server, Worker, wait_until

PROCESSES = 2
WORKERS = 2
# The tests' own settings spare the disk. Here the machine is not spared.
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


class Town:
    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        """`settings` lie over those of the town."""
        self.folder = folder
        self._settings = settings
        self.journal = folder / "journal"
        self.failpoint = folder / "failpoint"
        self.postgres = PostgreSQL(kept=folder, settings=_DURABLE)
        self.redis = Redis()
        self.provider = ProviderProcess()
        self.server: ProxyServer
        self.workers: list[Worker] = []

    def start(self) -> None:
        """Everything but our own processes, whose settings then are known."""
        self.at_once(self.postgres.start, self.redis.start, self.provider.start)
        settings = self.settings()
        self.server = ProxyServer(settings, workers=PROCESSES)
        self.workers = [Worker(settings) for _ in range(WORKERS)]

    def settings(self) -> dict[str, str]:
        return {
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "SECRET_KEY": "the-secret-key-of-the-town",
            "DATA_DIR": str(self.folder),
            "JOURNAL_DIR": str(self.journal),
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "OPENAI_UPSTREAM_URL": f"{self.provider.url}/openai/v1",
            "ANTHROPIC_UPSTREAM_URL": f"{self.provider.url}/anthropic/v1",
            "LOG_LEVEL": "INFO",
            "SHUTDOWN_GRACE": "10",
            "UPSTREAM_SILENCE_TIMEOUT": "3",
            "CLIENT_STALL_TIMEOUT": "3",
            "NEW_VALUES_PER_DAY": "1000000",
            "FAILPOINTS": f"@{self.failpoint}",
            **self._settings,
        }

    def open(self) -> None:
        """Our own processes. The server migrates first."""
        self.server.start()
        self.at_once(*(worker.start for worker in self.workers))

    def close(self) -> None:
        for server in [
            *self.workers,
            *([self.server] if self.workers else []),
            self.provider,
            self.redis,
            self.postgres,
        ]:
            server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- What can be done to it ---

    @staticmethod
    def at_once(*steps: Callable[[], object]) -> None:
        with ThreadPoolExecutor(max(len(steps), 1)) as pool:
            for done in [pool.submit(step) for step in steps]:
                done.result()

    @property
    def all_servers(self) -> list[Server]:
        return [self.server, *self.workers, self.redis, self.postgres]

    def proxies(self) -> list[int]:
        """The processes that serve, without the parent that watches them."""
        children = ((pid, command_of(pid)) for pid in children_of(self.server.pid))
        return [pid for pid, command in children if "serve" in command and "--only-prepare" not in command]

    def pool_children(self) -> list[int]:
        return [pid for worker in self.workers for pid in children_of(worker.pid)]

    def arm(self, point: str) -> None:
        """Whoever reaches it first dies there."""
        unready = self.failpoint.with_suffix(".new")
        unready.write_text(point)
        unready.rename(self.failpoint)

    def wait_for_death(self, seconds: float = 20) -> None:
        try:
            wait_until(lambda: not self.failpoint.exists(), "the point is reached", seconds)
        finally:
            self.failpoint.unlink(missing_ok=True)

    def restart(self, settings: Mapping[str, str] | None = None) -> None:
        """Of our own processes, whatever state they are in, orderly."""
        self.server.settings |= settings or {}
        self.at_once(*(one.close_down for one in map(Ended, [self.server, *self.workers])))
        self.open()

    def mend(self) -> None:
        """After a fault that was not got over: everything is started anew, and the journal set aside."""
        for server in [self.server, *self.workers]:
            if server.process is not None and server.process.poll() is None:
                server.kill()
        self.failpoint.unlink(missing_ok=True)
        if self.journal.exists():
            shutil.move(self.journal, self.folder / f"journal-{time.monotonic_ns()}")
        for neighbour in (self.postgres, self.redis, self.provider):
            if neighbour.process is None or neighbour.process.poll() is not None:
                neighbour.start()
        self.provider.reset()
        self.open()


class Ended:
    """Stop a server unless it has stopped."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def close_down(self) -> None:
        if self._server.process is not None and self._server.process.poll() is None:
            self._server.stop(60)


def children_of(pid: int) -> list[int]:
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def command_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except FileNotFoundError:
        return []


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


class Watch:
    """Looks ten times a second whether the town is whole: served, nobody missing, no record that waits for long."""

    OLD_SECONDS = 2.0  # a segment takes no longer from its last line to the ledger when all is well

    def __init__(self, town: Town) -> None:
        self._town = town
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="watch", daemon=True)
        self.broken_at = 0.0  # when it was last seen not to be whole
        self.reason = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _look_on(self) -> None:
        while not self._is_over.wait(0.1):
            if reason := self.what_is_wrong():
                self.broken_at, self.reason = time.monotonic(), reason

    def what_is_wrong(self) -> str:
        journal = self._town.journal
        try:
            directories = directories_in_use(journal)
            now = time.time()
            old = {
                path.stem: now - path.stat().st_mtime
                for path in journal.glob("*/*.sealed")
                if now - path.stat().st_mtime > self.OLD_SECONDS
            }
        except FileNotFoundError:
            return ""  # it changes while it is looked at
        if len(directories) != PROCESSES:
            return f"{len(directories)} directories in the journal"
        if unposted := old.keys() - self._receipts_of(old):
            return f"a segment waits for {max(old[name] for name in unposted):.1f} s"
        if any(worker.process is None or worker.process.poll() is not None for worker in self._town.workers):
            return "a worker is dead"
        state = readiness(self._town.server.port)
        return "" if state.get("state") == "ok" else f"readyz: {json.dumps(state)}"

    def _receipts_of(self, segments: Collection[str]) -> set[str]:
        if not segments:
            return set()
        try:
            with psycopg.connect(self._town.postgres.url, connect_timeout=2) as line:
                found = line.execute(
                    "SELECT segment_id FROM analytics_usagebatch WHERE segment_id = ANY(%s)",
                    [list(map(UUID, segments))],
                ).fetchall()
        except psycopg.Error:
            return set()
        return {str(segment_id) for (segment_id,) in found}


def directories_in_use(journal: Path) -> list[Path]:
    """Those of living processes, and of dead ones that somebody must take over. What else is left may lie there."""
    return [
        directory
        for directory in journal.iterdir()
        if not directory.name.startswith(".")
        and any(item.name != "lock" and item.suffix != ".posted" for item in directory.iterdir())
    ]


def readiness(port: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return dict(json.loads(connection.getresponse().read()))
    except (OSError, ValueError, http.client.HTTPException) as error:
        return {"state": repr(error)}
    finally:
        connection.close()
