"""Which migrations hold up a service that runs: `make check` reads the SQL that each means on PostgreSQL.

The last release goes on reading and writing while the new one migrates, and on its tables for as long as the old
processes run. So a migration may not lock a table for longer than it takes to note something in the catalogue, and may
not take away, rename or demand what the last release does not know. Tables that the same migration makes are empty and
unknown: nothing is asked of them. What must be all the same stands in `ALLOWED`, with the reason.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

# (app, number of the migration) -> why its findings are none. One that has no findings is refused, too.
_UNRELEASED = "before the first release: it has only ever met small or empty tables"
ALLOWED: dict[tuple[str, str], str] = {
    ("accounts", "0002"): _UNRELEASED,
    ("accounts", "0003"): "writes three groups",
    ("analytics", "0001"): "writes one row of a table that it makes",
    ("analytics", "0003"): _UNRELEASED,
    ("analytics", "0004"): _UNRELEASED,
    ("analytics", "0005"): "makes an index of the records before any installation can have them in months",
    ("analytics", "0006"): "empties a table of vouchers, without which reports are slower and the same",
    ("analytics", "0007"): _UNRELEASED,
    ("analytics", "0009"): _UNRELEASED,
}
OUR_APPS = ("accounts", "analytics", "orgs", "prompts", "proxy")
# Read and indexed within milliseconds, however large the service is. Every other table may have millions of rows.
SMALL = frozenset(
    {"orgs_organization", "orgs_team", "orgs_apikey", "orgs_membership", "orgs_invitation", "accounts_user"}
    | {f"analytics_{name}" for name in ("modelprice", "pricebookrevision", "pricechange", "priceedit", "discount")}
)

# How a statement begins, and what is wrong with it on a table that is there already.
_BREAKS_THE_LAST_RELEASE = (
    (r"ALTER TABLE .* (RENAME|SET SCHEMA)", "the last release knows the old name"),
    (r"ALTER TABLE .* DROP COLUMN", "the last release reads the column: drop it one release later"),
    (r"DROP TABLE", "the last release reads the table: drop it one release later"),
    (r"ALTER TABLE .* ALTER COLUMN \S+ (SET DATA )?TYPE", "another type writes the whole table anew: add a column"),
    (r"-- THIS OPERATION CANNOT BE WRITTEN AS SQL", "Python that cannot be read here: say in ALLOWED why it is quick"),
)
_LOCKS_A_LARGE_TABLE = (
    (r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)", "nobody writes while the index is built: AddIndexConcurrently"),
    (r"DROP INDEX (?!CONCURRENTLY)", "it waits for all who read, and all wait for it: RemoveIndexConcurrently"),
    (r"ALTER TABLE .* ALTER COLUMN \S+ SET NOT NULL", "it reads the whole table: a constraint NOT VALID first"),
    (
        r"ALTER TABLE .* ADD CONSTRAINT \S+ (UNIQUE|PRIMARY KEY|EXCLUDE)(?!.* USING INDEX)",
        "it builds an index meanwhile",
    ),
    (
        r"ALTER TABLE .* ADD CONSTRAINT \S+ (CHECK|FOREIGN KEY)(?!.* NOT VALID)",
        "it reads the whole table: AddConstraintNotValid, and ValidateConstraint in a later migration",
    ),
    (r"(TRUNCATE|CLUSTER|LOCK TABLE|VACUUM FULL|REINDEX (?!.*CONCURRENTLY))", "it locks the whole table"),
    (r"(UPDATE|DELETE FROM) (?!.* WHERE )", "it locks every row until the migration's end"),
)
# The table of the usage records may lie in months (docs/adr/0013). Its indexes are all named usage_...
_RECORDS = "analytics_usagerecord"
_BY_MONTHS = "the records may lie in months: analytics.partitions.operations."
_FAILS_IN_MONTHS = (
    (
        rf'CREATE (UNIQUE )?INDEX CONCURRENTLY .* ON "?{_RECORDS}"? (?!.*-- and on each month)',
        f"{_BY_MONTHS}AddRecordsIndex",
    ),
    (r'DROP INDEX CONCURRENTLY (IF EXISTS )?"?usage_(?!.*-- and on each month)', f"{_BY_MONTHS}RemoveRecordsIndex"),
    (
        rf'ALTER TABLE (ONLY )?"?{_RECORDS}"? ADD CONSTRAINT \S+ (UNIQUE|PRIMARY KEY|EXCLUDE)',
        "the records may lie in months, where only the id is unique",
    ),
    (
        rf'ALTER TABLE (ONLY )?"?{_RECORDS}"? ADD CONSTRAINT \S+ FOREIGN KEY .* NOT VALID',
        "the records may lie in months, which take no foreign key that is NOT VALID",
    ),
)
_TABLE = re.compile(
    r'(?:ALTER TABLE(?: ONLY)?|CREATE TABLE|DROP TABLE|TRUNCATE| ON|UPDATE|DELETE FROM)(?: IF EXISTS)? "?([\w.]+)"?'
)
_DROPPED_DEFAULT = re.compile(r'ALTER TABLE "?(\w+)"? ALTER COLUMN "?(\w+)"? DROP DEFAULT')
_ADDED_COLUMN = re.compile(r'ALTER TABLE "?(\w+)"? ADD COLUMN (?:IF NOT EXISTS )?"?(\w+)"? (.*)')


def problems_in(statements: Iterable[str]) -> Iterator[str]:
    """What would hold up the service or break the last release, of one migration's statements in their order."""
    lines = [re.sub(r"\s+", " ", statement).strip().rstrip(";") for statement in statements]
    made = {match.group(1) for line in lines if (match := re.match(r'CREATE TABLE "?(\w+)"?', line))}
    undone = {match.groups() for line in lines if (match := _DROPPED_DEFAULT.match(line))}
    for line in lines:
        table = match.group(1) if (match := _TABLE.search(line)) else ""
        if table in made:
            continue
        rules = _BREAKS_THE_LAST_RELEASE + (() if table in SMALL else _LOCKS_A_LARGE_TABLE + _FAILS_IN_MONTHS)
        problem = next((problem for pattern, problem in rules if re.match(pattern, line, re.IGNORECASE)), "")
        if column := _ADDED_COLUMN.match(line):
            name, kind = column.group(2), column.group(3)
            problem = problem_of_column(table, name, kind, has_default=(table, name) not in undone)
        if problem:
            yield f"{problem}: {line[:160]}"


def problem_of_column(table: str, name: str, kind: str, *, has_default: bool) -> str:
    """What is wrong with adding it, or nothing. `kind` is its type with all that follows."""
    if re.search(r"\bNOT NULL\b", kind) and not (has_default and " DEFAULT " in kind):
        return f"the last release does not fill {table}.{name}: give it db_default, or let it be NULL"
    if re.search(r"\b(UNIQUE|PRIMARY KEY)\b", kind) and table not in SMALL:
        return "it builds an index meanwhile"
    if re.search(r"DEFAULT [^,]*(random|clock_timestamp|nextval|uuid)\w*\(| STORED", kind, re.IGNORECASE):
        return "another value for each row writes the whole table anew"
    return ""


def statements_of(migration: Any, state: Any, connection: Any) -> list[str]:
    """The SQL of a migration on `state`, that of the project before it. No server is asked, as by `sqlmigrate`."""

    class Collector(connection.SchemaEditorClass):  # type: ignore[misc]  # of PostgreSQL's engine
        def execute(self, sql: Any, params: Any = ()) -> None:
            self.collected_sql.append(str(sql) % tuple(map(repr, params)) if params else str(sql))

    with Collector(connection, collect_sql=True, atomic=False) as editor:
        migration.apply(state, editor, collect_sql=True)
    return list(editor.collected_sql)


def problems_of_project() -> Iterator[str]:
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    vars(connection)["pg_version"] = 140_000  # of the oldest that Django 5.2 knows, which it would ask for
    loader = MigrationLoader(None, replace_migrations=False)
    unused = set(ALLOWED)
    for app, name in sorted(loader.disk_migrations or ()):
        if app not in OUR_APPS:
            continue
        before = loader.project_state((app, name), at_end=False)
        found = list(problems_in(statements_of(loader.disk_migrations[app, name], before, connection)))
        number = name.partition("_")[0]
        if found and (app, number) in ALLOWED:
            unused.discard((app, number))
            continue
        yield from (f"{app}/migrations/{name}.py: {problem}" for problem in found)
    yield from (f"ALLOWED names {app} {number}, which has nothing to be allowed" for app, number in sorted(unused))


def main() -> int:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    found = list(problems_of_project())
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
