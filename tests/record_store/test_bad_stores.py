"""A store that answers garbage, drips, or is busy: each question fails in its time, so that the ledger answers it."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from analytics.models import RecordCopy
from analytics.record_store import feeding
from analytics.record_store.client import Client, StoreFailed
from tests.analytics.usage_lines import NOON
from tests.record_store.between import Answer, Between
from tests.record_store.engine import Engine

_TEXT = "SELECT toString(number) AS name, number FROM numbers(100)"
_SPOILT: dict[str, Callable[[Answer], Answer]] = {
    "a page of a gateway": lambda answer: (200, {}, b"<html>gateway</html>"),
    "nothing, of a gateway": lambda answer: (200, {}, b""),
    "no content, of a gateway": lambda answer: (204, {}, b""),
    "cut off": lambda answer: (200, answer[1], answer[2][: len(answer[2]) // 2]),
    "all cut off": lambda answer: (200, answer[1], b""),
    "no UTF-8": lambda answer: (200, answer[1], answer[2].replace(b"name", b"na\xff\xfe")),
    "any bytes": lambda answer: (200, answer[1], bytes(range(256))),
    "another compression": lambda answer: (200, answer[1] | {"Content-Encoding": "lz4"}, answer[2]),
}


@pytest.mark.production
@pytest.mark.clients
def test_garbage_is_no_answer_and_no_error_of_ours(engine: Engine) -> None:
    with Between(engine.url) as between:
        client = Client(between.url, seconds=60)
        assert len(client.query(_TEXT)) == 100
        assert client.query(f"{_TEXT} WHERE number > 1000") == []
        for name, spoil in _SPOILT.items():
            between.spoil = spoil
            with pytest.raises(StoreFailed) as failed:
                pytest.fail(f"{name}: {client.query(_TEXT)!r:.100}")
            assert "secret" not in str(failed.value), name
            assert "numbers" not in str(failed.value), name
        for name in ("nothing, of a gateway", "no content, of a gateway", "a page of a gateway"):
            between.spoil = _SPOILT[name]
            with pytest.raises(StoreFailed):
                client.command("SET max_threads = 1")
            with pytest.raises(StoreFailed):  # or what waits would be forgotten
                client.insert("system.one", ["dummy"], [[1]])
        client.close()


@contextmanager
def dripping() -> Iterator[str]:
    """A server that sends one header after another, and never the last one."""
    over = threading.Event()

    def drip(taken: socket.socket) -> None:
        with taken, suppress(OSError):
            taken.recv(65536)
            taken.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.1):
                taken.sendall(b"X-ClickHouse-Progress: {}\r\n")

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://aipc:secret@127.0.0.1:{listening.getsockname()[1]}/default"
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.trial
def test_the_time_is_that_of_the_question_and_not_of_each_byte() -> None:
    with dripping() as url:
        client = Client(url, seconds=1)
        with pytest.raises(StoreFailed, match="TimeoutError"):  # and not that there are too many headers, much later
            client.query("SELECT 1")
        until = client.deadline() - 1
        with pytest.raises(StoreFailed, match="TimeoutError"):  # of questions that belong together
            client.query("SELECT 1", until=until)
        client.close()


class Scripted(Client):
    """A store at a step, which takes everything and does what it is told here with orders."""

    def __init__(self, begun: int) -> None:
        super().__init__("http://127.0.0.1:1/default")
        self.begun = begun
        self.orders: list[str] = []
        self.is_cleaning = False
        self.fails = False

    def query(
        self, statement: str, parameters: Mapping[str, Any] | None = None, *, until: float | None = None
    ) -> Sequence[Sequence[Any]]:
        if "system.mutations" in statement:
            return [(1,)] * self.is_cleaning
        if self.fails:
            raise StoreFailed("away")
        return [(self.begun, 1)]

    def insert(self, table: str, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
        """Taken."""

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        self.orders.append(statement)
        raise StoreFailed("slow")


def make_copy(number: int = 0) -> RecordCopy:
    return RecordCopy.objects.create(name=UUID(int=0), begun_at=NOON, is_filled=True, number=number)


def set_sequence(name: str, number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(%s, %s)", [name, number])


def carry(store: Client, *, days: int = 0) -> None:
    with suppress(StoreFailed):
        feeding.carry_over(store, now=NOON + days * feeding._CLEANED_EVERY, seconds=60)


@pytest.mark.production
@pytest.mark.django_db
def test_a_slow_cleaning_is_ordered_once_a_day_and_never_beside_another() -> None:
    make_copy()
    store = Scripted(begun=0)
    for _ in range(3):
        carry(store)
    assert len(store.orders) == 1
    store.is_cleaning = True
    carry(store, days=1)
    store.is_cleaning = False
    carry(store, days=1)
    assert len(store.orders) == 1
    assert RecordCopy.objects.get().clean_below == 0  # nobody has said that it was taken
    carry(store, days=2)
    assert len(store.orders) == 2


@pytest.mark.production
@pytest.mark.django_db
def test_a_ledger_that_was_restored_is_found_out_however_much_was_posted_or_waited_since() -> None:
    make_copy(number=100)
    store = Scripted(begun=102)
    set_sequence("analytics_recordcopy_step", 100)
    set_sequence("analytics_recordchange_id_seq", 300)
    store.fails = True
    for _ in range(3):
        carry(store)
    store.fails = False
    carry(store)
    assert "is older than its copy" in RecordCopy.objects.get().fault
