"""Making the one table of records the oldest part of a partitioned one. Nothing is copied, whatever its size.

Three steps, each a transaction of its own and safe to be cut off. A constraint says that all ids lie before some month;
it is proved while everybody reads and writes; then the table is renamed and attached below a parent of its old name,
which takes a moment, since the constraint is the proof. What was cut off goes on with the next run; the clock takes
away a constraint whose month comes near (`forget_stale`), since that would refuse records. Who posts one that it does
refuse takes it away as well (`give_way`).
"""

import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError, OperationalError, connection

from analytics.call_ids import SLACK
from analytics.models import LedgerRecord
from analytics.partitions import months, shape
from analytics.partitions.locks import insist, is_taken, short_transaction
from analytics.partitions.shape import MONTHS_AHEAD, OUTSIDE, TABLE

logger = logging.getLogger(__name__)

ATTEMPTS = 40  # of an operator, who waits
_CHECK = f"{TABLE}_before_a_month"
_LATEST = timedelta(days=3)  # the constraint is to be gone again by then
_TAKEN_AWAY = "The constraint was taken away, for a record that it refused, say. Run it again."
_PATIENCE_SECONDS = 0.1  # of who posts, and comes again
_FARTHEST = 12  # months that may pass until the first one of its own
_TOLD = 5

_HINDRANCES = """
SELECT 'the view or rule ' || rewrite.ev_class::regclass || ' reads it'
    FROM pg_depend JOIN pg_rewrite AS rewrite ON classid = 'pg_rewrite'::regclass AND objid = rewrite.oid
    WHERE refclassid = 'pg_class'::regclass AND refobjid = {table}
UNION SELECT 'it has the trigger ' || tgname FROM pg_trigger WHERE tgrelid = {table} AND NOT tgisinternal
UNION SELECT 'it has the policy ' || polname FROM pg_policy WHERE polrelid = {table}
UNION SELECT 'it is published on its own by ' || pubname
    FROM pg_publication_rel JOIN pg_publication ON prpubid = pg_publication.oid WHERE prrelid = {table}
UNION SELECT 'other tables inherit from it, or it does' FROM pg_inherits WHERE {table} IN (inhparent, inhrelid)
UNION SELECT 'the constraint ' || conname || ' is not validated'
    FROM pg_constraint WHERE conrelid = {table} AND NOT convalidated AND conname <> %(check)s
UNION SELECT 'the foreign key ' || conname || ' refers to it' FROM pg_constraint WHERE confrelid = {table}
UNION SELECT 'the index ' || indexrelid::regclass || ' is not valid'
    FROM pg_index WHERE indrelid = {table} AND NOT indisvalid
UNION SELECT 'the index ' || indexrelid::regclass || ' is unique'
    FROM pg_index WHERE indrelid = {table} AND indisunique AND NOT indisprimary
UNION SELECT 'rights on its single columns are granted'
    FROM pg_attribute WHERE attrelid = {table} AND attacl IS NOT NULL
ORDER BY 1
""".replace("{table}", f"to_regclass('{TABLE}')")

_MILLISECONDS = "('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint"
_OF_ANOTHER_TIME = (
    f"SELECT id FROM {TABLE} WHERE abs({_MILLISECONDS} - floor(extract(epoch FROM started_at) * 1000)) "  # noqa: S608
    f"> {SLACK // timedelta(milliseconds=1)} LIMIT {_TOLD}"
)
_INDEXES = """
SELECT relname, pg_get_indexdef(indexrelid), indisprimary
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = to_regclass(%s) ORDER BY relname
"""
_GRANTS = """
SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, privilege_type, is_grantable
FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = to_regclass(%s) AND grantee <> relowner
"""
_OWNER = "SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = to_regclass(%s)"

Say = Callable[[str], object]


class Hindered(Exception):
    """Why the table cannot be partitioned as it is."""


class Index(NamedTuple):
    name: str
    rest: str  # of its definition, from USING on
    is_key: bool


def first_month(now: datetime) -> date:
    """The first month that gets a part of its own. Raises `Hindered` for records of a future that is too far away."""
    latest = LedgerRecord.objects.order_by("-pk").values_list("pk", flat=True).first()
    month = shape.month_after(shape.month_of(now + _LATEST))
    if latest is None or latest < shape.first_id_of(month):
        return month
    if latest >= shape.first_id_of(shape.month_after(month, _FARTHEST)):
        future = f"{shape.moment_of(latest):%Y-%m-%d}"
        raise Hindered(f"The record {latest} says that it is of {future}: somebody's clock is wrong.")
    return shape.month_after(shape.month_of(shape.moment_of(latest)))


def find_hindrances() -> list[str]:
    """Of the table as it is. Reads all records."""
    with connection.cursor() as cursor:
        cursor.execute(_HINDRANCES, {"check": _CHECK})
        found = [words for (words,) in cursor.fetchall()]
        cursor.execute(_OF_ANOTHER_TIME)
        found += [f"the id of the record {id_} is of another time than its call" for (id_,) in cursor.fetchall()]
    return found


def convert(now: datetime, say: Say, *, month: date | None = None) -> None:
    """All of it, or what is left of it. Raises `Hindered`; OperationalError where the table is never free."""
    if shape.read() is None:
        if hindrances := find_hindrances():
            raise Hindered(f"The table of the records cannot be partitioned: {'; '.join(hindrances)}.")
        month = month or first_month(now)
        insist(lambda: add_check(month), "Adding the constraint", attempts=ATTEMPTS)
        say(f"1. No id of {month:%Y-%m} or later is taken by the table as it is.")
        validate()
        say("2. That holds for all records.")
        insist(lambda: switch(now, month), "The switch", attempts=ATTEMPTS)
        say(f"3. The table is partitioned: what was there is {shape.name_before(month)}.")
    _complete(now, say)


def _complete(now: datetime, say: Say) -> None:
    found = shape.read()
    if found is None:
        raise Hindered("Somebody else has changed the table meanwhile. Run it again.")
    end = shape.month_after(shape.month_of(now), MONTHS_AHEAD + 1)
    months.make_until(found, end, say=say)
    # PostgreSQL looks at parts by itself, at the whole never.
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TABLE}")


# --- The steps --------------------------------------------------------------------------------------------------------


def add_check(month: date) -> None:
    """From now on no record of that month or a later one is taken. Nothing is read."""
    with short_transaction() as cursor:
        if (known := _find_check(cursor)) == shape.first_id_of(month):
            return
        if known is not None:
            cursor.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT {_CHECK}")
        cursor.execute(
            f"ALTER TABLE {TABLE} ADD CONSTRAINT {_CHECK} CHECK (id < '{shape.first_id_of(month)}') NOT VALID"
        )


def validate() -> None:
    """Reads all records, while others read and write. Does nothing where it was done."""
    with connection.cursor() as cursor:
        if _find_check(cursor) is None:
            raise Hindered(_TAKEN_AWAY)
        cursor.execute(f"ALTER TABLE {TABLE} VALIDATE CONSTRAINT {_CHECK}")


def switch(now: datetime, month: date) -> None:
    """The table becomes a part of a new one of its name. Nothing is read, since the constraint is proved."""
    with short_transaction() as cursor:
        if shape.read() is not None:
            return
        cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        if _find_check(cursor) != shape.first_id_of(month):
            raise Hindered(_TAKEN_AWAY)
        old = shape.name_before(month)
        indexes = _read_indexes(cursor)
        cursor.execute(_GRANTS, [TABLE])
        grants = cursor.fetchall()
        cursor.execute(_OWNER, [TABLE])
        (owner,) = cursor.fetchone()
        shape.run(_switching(old, month, indexes), cursor)
        shape.run((_grant(*grant) for grant in grants), cursor)
        cursor.execute(f"ALTER TABLE {TABLE} OWNER TO {owner}")
        for number in range(MONTHS_AHEAD):
            months.make(cursor, shape.month_after(month, number), most=None, has_outside=False)
        cursor.execute(f"CREATE TABLE {OUTSIDE} PARTITION OF {TABLE} DEFAULT")


def _switching(old: str, month: date, indexes: list[Index]) -> list[str]:
    suffix = old.removeprefix(TABLE)
    key = next(index for index in indexes if index.is_key)
    return [
        f"ALTER TABLE {TABLE} RENAME TO {old}",
        *(f'ALTER INDEX "{index.name}" RENAME TO "{index.name[: 63 - len(suffix)]}{suffix}"' for index in indexes),
        f"CREATE TABLE {TABLE} (LIKE {old} INCLUDING ALL EXCLUDING INDEXES) PARTITION BY RANGE (id)",
        f"ALTER TABLE {TABLE} DROP CONSTRAINT {_CHECK}",
        f'ALTER TABLE {TABLE} ADD CONSTRAINT "{key.name}" PRIMARY KEY (id)',
        *(f'CREATE INDEX "{index.name}" ON {TABLE} {index.rest}' for index in indexes if not index.is_key),
        # It finds that the indexes are there, and takes them for the parent's.
        f"ALTER TABLE {TABLE} ATTACH PARTITION {old} FOR VALUES FROM (MINVALUE) TO ('{shape.first_id_of(month)}')",
        f"ALTER TABLE {old} DROP CONSTRAINT {_CHECK}",
    ]


def _read_indexes(cursor: Any) -> list[Index]:
    cursor.execute(_INDEXES, [TABLE])
    return [Index(name, text[text.index(" USING ") + 1 :], is_key) for name, text, is_key in cursor.fetchall()]


def _grant(grantee: str, privilege: str, is_grantable: bool) -> str:
    return f"GRANT {privilege} ON {TABLE} TO {grantee}{' WITH GRANT OPTION' if is_grantable else ''}"


def _find_check(cursor: Any) -> UUID | None:
    cursor.execute(
        "SELECT substring(pg_get_constraintdef(oid) FROM '[0-9a-f-]{36}') "
        "FROM pg_constraint WHERE conrelid = to_regclass(%s) AND conname = %s",
        [TABLE, _CHECK],
    )
    row = cursor.fetchone()
    return UUID(row[0]) if row else None


# --- What a run that was cut off has left -----------------------------------------------------------------------------


def forget_stale(now: datetime) -> bool:
    """Take the constraint of a run that was cut off away before it would refuse records. Whether there was one."""
    if connection.vendor != "postgresql" or shape.read() is not None:
        return False
    with connection.cursor() as cursor:
        bound = _find_check(cursor)
    if bound is None or shape.moment_of(bound) > now + _LATEST:
        return False
    return _forget(None, "since a partitioning was cut off")


def is_refusal(error: DatabaseError) -> bool:
    """Whether the constraint has refused a record: of a clock that is ahead, or since nobody took it away in time."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) == _CHECK


def give_way() -> bool:
    """Take the constraint away for a record that it refuses; a run that needs it is to begin again.

    False where somebody uses the table just now, the run itself for one: who posts comes again.
    """
    return _forget(_PATIENCE_SECONDS, "for a record that it refuses")


def _forget(seconds: float | None, why: str) -> bool:
    try:
        with short_transaction(seconds) as cursor:
            is_there = _find_check(cursor) is not None
            if is_there:
                cursor.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT {_CHECK}")
    except OperationalError as error:
        if not is_taken(error):
            raise
        return False
    if is_there:
        logger.warning("The constraint %s is taken away %s.", _CHECK, why)
    return True
