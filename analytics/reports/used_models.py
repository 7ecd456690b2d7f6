"""The names of the models that an organization used. Read from the records, where an index lists them."""

from analytics.models import LedgerRecord
from analytics.record_store import questions as record_store
from analytics.replica import connection

_TABLE = LedgerRecord._meta.db_table


def find_models(organization_id: int, most: int) -> list[str]:
    """As the roll-ups name them, in alphabetical order, the first `most`.

    One query, whose work grows with the names and not with the records.
    """
    return record_store.current().models(organization_id, most)


def select_models(organization_id: int, most: int) -> list[str]:
    """The ledger's own answer: `record_store.questions`."""
    answered = _list_names("answered", "model")
    requested = _list_names("requested", "model_requested", "model = '' AND")
    statement = (
        f"WITH RECURSIVE {answered}, {requested} SELECT name FROM answered WHERE name IS NOT NULL "  # noqa: S608
        "UNION SELECT name FROM requested WHERE name IS NOT NULL ORDER BY name LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*[organization_id, organization_id, most] * 2, most])
        return [name for (name,) in cursor.fetchall()]


def _list_names(table: str, column: str, condition: str = "") -> str:
    """A table of the column's names. Each is the first one after the one before, which the index finds at once."""
    source = f"FROM {_TABLE} WHERE organization_id = %s AND {condition} {column}"
    return (
        f"{table} (name, number) AS (SELECT MIN({column}), 1 {source} > '' UNION ALL "  # noqa: S608
        f"SELECT (SELECT MIN({column}) {source} > {table}.name), number + 1 "
        f"FROM {table} WHERE name IS NOT NULL AND number < %s)"
    )
