"""The connection to ClickHouse, by its own client, which is imported when it is first needed. One for each process.

Whatever goes wrong is a `StoreFailed`, which says what kind of fault it was and nothing of what was asked. Each request
has a thread, since a socket's time-out begins anew with each byte: who asked goes on when the time is over.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from analytics.record_store.tables import COPIES, TABLE

_CONNECT_SECONDS = 2
PAGE_SECONDS = 5  # longer than that nobody waits for a page
WORK_SECONDS = 120
SENDING_SECONDS = 20  # for one request of a step: meanwhile nobody else writes to the copy
_MOST_AT_ONCE = 32  # of a client; more wait, in their own time, also where the store leaves all of them hanging
_RESULT_ROWS = "result_rows"
# What lies in different months is different records.
_OF_READING = {"do_not_merge_across_partitions_select_final": 1}
_OF_WRITING = {**_OF_READING, "max_partitions_per_insert_block": 0}  # a hundred months, else


_Answer = TypeVar("_Answer")


class StoreFailed(Exception):
    """The column store did not answer, or refused."""


class Client:
    """`url` is like https://user:password@host:8443/database. Nothing is sent before the first question."""

    def __init__(self, url: str, *, seconds: int = PAGE_SECONDS) -> None:
        self._url = urlsplit(url)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._connected: Any = None

    def deadline(self) -> float:
        """For questions that begin now and belong together."""
        return time.monotonic() + self._seconds

    def query(
        self, statement: str, parameters: Mapping[str, Any] | None = None, *, until: float | None = None
    ) -> Sequence[Sequence[Any]]:
        seconds = self._seconds if until is None else until - time.monotonic()
        settings = {
            "max_execution_time": max(1, math.ceil(seconds)),
            **_OF_READING,
        }

        def ask(client: Any) -> Sequence[Sequence[Any]]:
            result = client.query(statement, parameters=dict(parameters or {}), settings=settings)
            rows: Sequence[Sequence[Any]] = result.result_rows
            if not rows:
                _check_summary(result.summary, count=0)
            return rows

        return self._do(ask, seconds)

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        def order(client: Any) -> None:
            answer = client.command(statement, parameters=dict(parameters or {}), settings=_OF_WRITING)
            if answer != "":  # which it says of ClickHouse's own header
                _check_summary(getattr(answer, "summary", {}))

        self._do(order, self._seconds)

    def insert(self, table: str, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
        """Returns when the store has them."""

        def send(client: Any) -> None:
            answer = client.insert(
                table,
                columns,
                column_names=list(names),
                column_oriented=True,
                settings=_OF_WRITING,
            )
            _check_summary(answer.summary)

        self._do(send, min(self._seconds, SENDING_SECONDS))

    def close(self) -> None:
        """Does not wait for who is connecting yet."""
        client, self._connected = self._connected, None
        if client is not None:
            client.close()

    def _do(self, work: Callable[[Any], _Answer], seconds: float) -> _Answer:
        until = time.monotonic() + seconds
        if not self._places.acquire(timeout=max(seconds, 0)):
            raise StoreFailed("TimeoutError")
        future: Future[_Answer] = Future()
        try:
            threading.Thread(target=self._run, args=(work, future), name="column-store", daemon=True).start()
        except RuntimeError as error:  # the machine gives no more
            self._places.release()
            raise StoreFailed("RuntimeError") from error
        wait([future], max(until - time.monotonic(), 0))
        if not future.done():
            raise StoreFailed("TimeoutError")
        try:
            return future.result()
        except Exception as error:
            # Garbage fails anywhere in the client. Its text quotes the statement, with what stands in it.
            code = getattr(error, "code", None)
            kind = type(error).__name__
            raise StoreFailed(f"{kind}, ClickHouse's code {code}" if code else kind) from error

    def _run(self, work: Callable[[Any], _Answer], future: "Future[_Answer]") -> None:
        try:
            future.set_result(work(self._connect()))
        except BaseException as error:  # noqa: BLE001 - raised where it was asked
            future.set_exception(error)
        finally:
            self._places.release()

    def _connect(self) -> Any:
        import clickhouse_connect

        with self._lock:
            if self._connected is None:
                self._connected = clickhouse_connect.get_client(
                    interface=self._url.scheme,
                    host=self._url.hostname or "",
                    port=self._url.port or (8443 if self._url.scheme == "https" else 8123),
                    username=unquote(self._url.username or "default"),
                    password=unquote(self._url.password or ""),
                    database=self._url.path.strip("/") or "default",
                    connect_timeout=_CONNECT_SECONDS,
                    send_receive_timeout=self._seconds,  # so the thread ends, too, where nothing comes at all
                    # Several threads ask at once.
                    autogenerate_session_id=False,
                    query_retries=0,
                )
            return self._connected


def _check_summary(summary: Mapping[str, Any] | None, *, count: int | None = None) -> None:
    """That an answer without content is ClickHouse's own, and not of something between: it says what it did."""
    told = {name: value for name, value in (summary or {}).items() if name != "query_id"}
    if not told:
        raise NoAnswer
    if count is not None and int(told.get(_RESULT_ROWS, count)) != count:
        raise NoAnswer


class NoAnswer(Exception):
    """What came is no answer of ClickHouse's."""


def drop(client: Client) -> None:
    for table in (TABLE, COPIES):
        client.command(f"DROP TABLE IF EXISTS {table}")
