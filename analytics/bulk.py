"""Many rows in one statement: they travel as one JSON parameter.

One parameter a value would cost more than all the rest of posting together: psycopg splits and quotes them one by one.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from django.db import connection

# As many rows as one statement gets, so that its text stays within a few megabytes.
MAX_ROWS = 2000


def select_given(table: str, columns: Sequence[str]) -> str:
    """A SELECT of these columns of the rows in its one parameter, made by `encode`: typed as the table's, in order."""
    if connection.vendor == "postgresql":
        return f"SELECT {', '.join(columns)} FROM json_populate_recordset(NULL::{table}, %s)"  # noqa: S608
    values = ", ".join(f"json_extract(given.value, '$.{column}') AS {column}" for column in columns)
    # The parser of SQLite would take the ON of a following ON CONFLICT for that of a join, if there were no WHERE.
    return f"SELECT {values} FROM json_each(%s) AS given WHERE true"  # noqa: S608


def encode(rows: Sequence[Any]) -> str:
    """Structs or dicts with the columns as names. Dates and times must be as the database's adapter makes them."""
    return msgspec.json.encode(rows).decode()


def chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), MAX_ROWS):
        yield rows[start : start + MAX_ROWS]
