"""The connection to ClickHouse, by its own client, which is imported when it is first needed. One for each process.

Whatever goes wrong is a `StoreFailed`, which says what kind of fault it was and nothing of what was asked.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from analytics.record_store.tables import COPIES, TABLE

_CONNECT_SECONDS = 2
PAGE_SECONDS = 5  # longer than that nobody waits for a page
WORK_SECONDS = 120


class StoreFailed(Exception):
    """The column store did not answer, or refused."""


class Client:
    """`url` is like https://user:password@host:8443/database. Nothing is sent before the first question."""

    def __init__(self, url: str, *, seconds: int = PAGE_SECONDS) -> None:
        self._url = urlsplit(url)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._connected: Any = None

    def query(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        settings = {"max_execution_time": self._seconds, "do_not_merge_across_partitions_select_final": 1}
        rows: Sequence[Sequence[Any]] = self._do(
            lambda client: client.query(statement, parameters=dict(parameters or {}), settings=settings).result_rows
        )
        return rows

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        self._do(lambda client: client.command(statement, parameters=dict(parameters or {})))

    def insert(self, table: str, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
        """Returns when the store has them."""
        self._do(
            lambda client: client.insert(
                table,
                columns,
                column_names=list(names),
                column_oriented=True,
                settings={"max_partitions_per_insert_block": 0},
            )
        )

    def close(self) -> None:
        with self._lock:
            client, self._connected = self._connected, None
        if client is not None:
            client.close()

    def _do(self, work: Any) -> Any:
        from clickhouse_connect.driver.exceptions import ClickHouseError
        from urllib3.exceptions import HTTPError

        try:
            return work(self._connect())
        except (ClickHouseError, HTTPError, OSError) as error:
            # Its text quotes the statement, with what stands in it.
            code = getattr(error, "code", None)
            kind = type(error).__name__
            raise StoreFailed(f"{kind}, ClickHouse's code {code}" if code else kind) from error

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
                    send_receive_timeout=self._seconds,
                    # Several threads ask at once.
                    autogenerate_session_id=False,
                    query_retries=0,
                )
            return self._connected


def drop(client: Client) -> None:
    for table in (TABLE, COPIES):
        client.command(f"DROP TABLE IF EXISTS {table}")
