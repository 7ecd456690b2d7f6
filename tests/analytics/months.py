"""A ledger in months, for a test: in its transaction, or undone after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

from django.db import connection

from analytics.partitions import conversion, reading, shape
from analytics.partitions.shape import TABLE

FIRST = date(2026, 1, 1)
NOW = datetime(2026, 6, 10, 9, tzinfo=UTC)  # the months until August are there


def partition(month: date = FIRST, now: datetime = NOW) -> list[str]:
    """What the command does; returns what it said."""
    said: list[str] = []
    conversion.convert(now, said.append, month=month)
    reading.forget()
    return said


@contextmanager
def plain_copy() -> Iterator[None]:
    """All that reads the records reads a table without months."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {TABLE} AS TABLE public.{TABLE}")
        assert shape.read() is None
        reading.forget()
        yield
        cursor.execute(f"DROP TABLE {TABLE}")
    reading.forget()
    assert shape.read() is not None


def undo() -> None:
    """The one table again, as the migrations have made it, and empty."""
    if shape.read() is None:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [TABLE])
        indexes = {name: definition.replace(" ON ONLY ", " ON ") for name, definition in cursor.fetchall()}
        del indexes[f"{TABLE}_pkey"]
        cursor.execute(f"CREATE TABLE plain (LIKE {TABLE} INCLUDING ALL EXCLUDING INDEXES)")
        cursor.execute(f"DROP TABLE {TABLE}")
        cursor.execute(f"ALTER TABLE plain RENAME TO {TABLE}")
        cursor.execute(f"ALTER TABLE {TABLE} ADD CONSTRAINT {TABLE}_pkey PRIMARY KEY (id)")
        for statement in indexes.values():
            cursor.execute(statement)
    reading.forget()
