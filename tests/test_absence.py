"""What counts as a database that is away, and what as one that has no room for one more connection."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import psycopg
import pytest
from psycopg.errors import ConnectionTimeout

from config.postgresql.base import Absence
from tests.databases import PostgreSQL

pytestmark = pytest.mark.trial


def fail(kind: type[psycopg.OperationalError]) -> None:
    raise kind("nothing answers")


def connect_to_nobody() -> None:
    raise psycopg.OperationalError("connection failed: Connection refused")


def connect_to_a_full_server() -> None:
    raise psycopg.OperationalError("connection failed: FATAL:  sorry, too many clients already")


def test_everybody_is_refused_while_the_server_is_away() -> None:
    absence = Absence(clock=lambda: 0.0)
    with pytest.raises(psycopg.OperationalError):
        absence.look(connect_to_nobody)
    with pytest.raises(psycopg.OperationalError, match="Connection refused"):
        absence.refuse(lambda: pytest.fail("nobody looks again so soon"))


@pytest.mark.parametrize("kind", [psycopg.OperationalError, ConnectionTimeout])
def test_a_full_server_is_there_and_back_if_it_was_away(kind: type[psycopg.OperationalError]) -> None:
    absence = Absence(clock=lambda: 0.0)
    assert absence.look(connect_to_a_full_server) is False
    assert absence.refuse(lambda: pytest.fail("nothing is known against it")) is False

    with pytest.raises(kind):
        absence.look(partial(fail, kind))
    assert absence.look(connect_to_a_full_server) is True
    assert absence.refuse(lambda: pytest.fail("it is there")) is False


@pytest.fixture
def small_server() -> Iterator[PostgreSQL]:
    sizes = {"max_connections": "4", "superuser_reserved_connections": "0", "max_wal_senders": "0"}
    with PostgreSQL(settings=sizes) as server:
        yield server


@pytest.mark.slow
@pytest.mark.production
def test_the_words_of_a_full_server_are_understood(small_server: PostgreSQL) -> None:
    absence = Absence()
    with ExitStack() as lines:
        for _ in range(4):
            lines.enter_context(psycopg.connect(small_server.url))
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(small_server.url)
        assert absence.look(lambda: psycopg.connect(small_server.url).close()) is False
