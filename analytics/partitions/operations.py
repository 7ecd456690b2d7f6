"""Indexes of the records' table in later migrations, whether it has months or is one table.

PostgreSQL builds no index CONCURRENTLY on a partitioned table: it is made of the parent alone, then CONCURRENTLY on
each part, and attached. `scripts.migration_locks` refuses other operations with indexes of this table. As with those
of `django.contrib.postgres`, the migration has `atomic = False`; one that was interrupted can be run again.
"""

from typing import Any

from django.db import connection, migrations

from analytics.partitions import shape
from analytics.partitions.locks import insist, short_transaction
from analytics.partitions.shape import TABLE

ATTEMPTS = 40
# What `scripts.migration_locks` knows these operations by: it reads their SQL for a table that is not partitioned.
MARK = "-- and on each month"

_PARTS = """
SELECT part.relname, index.relname FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid
LEFT JOIN (pg_index JOIN pg_class AS index ON index.oid = indexrelid JOIN pg_inherits AS child
           ON child.inhrelid = indexrelid AND child.inhparent = to_regclass(%s)) ON indrelid = part.oid
WHERE pg_inherits.inhparent = to_regclass(%s) ORDER BY part.relname
"""


class AddRecordsIndex(migrations.AddIndex):
    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        elif schema_editor.collect_sql:
            schema_editor.execute(f"{self.index.create_sql(model, schema_editor, concurrently=True)} {MARK}")
        elif shape.read() is None:
            schema_editor.remove_index(model, self.index, concurrently=True)
            schema_editor.add_index(model, self.index, concurrently=True)
        else:
            build(self.index.name, str(self.index.create_sql(model, schema_editor)))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        _remove(from_state.apps.get_model(app_label, self.model_name), self.index, schema_editor)


class RemoveRecordsIndex(migrations.RemoveIndex):
    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        index = from_state.models[app_label, self.model_name_lower].get_index_by_name(self.name)
        _remove(from_state.apps.get_model(app_label, self.model_name), index, schema_editor)


def _remove(model: Any, index: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor != "postgresql":
        schema_editor.remove_index(model, index)
    elif schema_editor.collect_sql:
        schema_editor.execute(f"{index.remove_sql(model, schema_editor, concurrently=True)} {MARK}")
    elif shape.read() is None:
        schema_editor.remove_index(model, index, concurrently=True)
    else:
        # Nothing is read, and all parts lose theirs with it.
        insist(lambda: _in_short(f'DROP INDEX IF EXISTS "{index.name}"'), index.name, attempts=ATTEMPTS)


def build(name: str, statement: str) -> None:
    """`statement` makes the index on a plain table. Outside of a transaction."""
    parent = statement.replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS", 1).replace(" ON ", " ON ONLY ", 1)
    insist(lambda: _in_short(parent), name, attempts=ATTEMPTS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef(to_regclass(%s))", [name])
        (definition,) = cursor.fetchone()
        cursor.execute(_PARTS, [name, TABLE])
        missing = [part for part, index in cursor.fetchall() if index is None]
        rest = definition[definition.index(" USING ") :]
        for part in missing:
            own = f"{name[:40]}{part.removeprefix(TABLE)}"
            cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{own}"')  # an invalid one, of an interrupted run
            cursor.execute(f'CREATE INDEX CONCURRENTLY "{own}" ON {part}{rest}')
            attach = f'ALTER INDEX "{name}" ATTACH PARTITION "{own}"'
            insist(lambda: _in_short(attach), own, attempts=ATTEMPTS)  # noqa: B023 - called at once


def _in_short(statement: str) -> None:
    with short_transaction() as cursor:
        cursor.execute(statement)
