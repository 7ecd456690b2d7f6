"""Migrations that would hold up a running service are refused, by the SQL that they mean on PostgreSQL."""

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader

from analytics.models import LedgerRecord
from analytics.partitions.operations import AddRecordsIndex, RemoveRecordsIndex
from scripts.migration_locks import problems_in, statements_of

RECORDS, RECEIPTS = '"analytics_usagerecord"', '"analytics_usagebatch"'


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (f'ALTER TABLE {RECORDS} ADD COLUMN "region" varchar(9) NOT NULL;', "db_default"),
        ('ALTER TABLE "orgs_team" ADD COLUMN "region" varchar(9) NOT NULL;', "db_default"),
        (f'ALTER TABLE {RECORDS} ADD COLUMN "n" uuid DEFAULT gen_random_uuid() NOT NULL;', "writes the whole table"),
        (f'ALTER TABLE {RECORDS} ADD COLUMN "n" uuid NULL UNIQUE;', "builds an index"),
        (f'CREATE INDEX "by_region" ON {RECORDS} ("region");', "AddIndexConcurrently"),
        (f'CREATE UNIQUE INDEX "by_region" ON {RECORDS} ("region");', "AddIndexConcurrently"),
        ('DROP INDEX IF EXISTS "by_region";', "RemoveIndexConcurrently"),
        (f'ALTER TABLE {RECORDS} ALTER COLUMN "status" TYPE bigint USING "status"::bigint;', "another type"),
        (f'ALTER TABLE {RECORDS} ALTER COLUMN "status" SET NOT NULL;', "NOT VALID first"),
        (f'ALTER TABLE {RECORDS} RENAME COLUMN "status" TO "http_status";', "the old name"),
        (f'ALTER TABLE {RECORDS} RENAME TO "calls";', "the old name"),
        (f'ALTER TABLE {RECORDS} DROP COLUMN "status" CASCADE;', "one release later"),
        (f"DROP TABLE {RECORDS} CASCADE;", "one release later"),
        (f'ALTER TABLE {RECORDS} ADD CONSTRAINT "c" CHECK ("status" > 0);', "AddConstraintNotValid"),
        (f'ALTER TABLE {RECORDS} ADD CONSTRAINT "c" FOREIGN KEY ("a") REFERENCES "b" ("id");', "AddConstraintNotValid"),
        (f'ALTER TABLE {RECORDS} ADD CONSTRAINT "c" UNIQUE ("status");', "builds an index"),
        (f'CREATE INDEX CONCURRENTLY "usage_by_n" ON {RECORDS} ("n");', "AddRecordsIndex"),
        ('DROP INDEX CONCURRENTLY IF EXISTS "usage_by_start";', "RemoveRecordsIndex"),
        (f'ALTER TABLE {RECORDS} ADD CONSTRAINT "c" UNIQUE USING INDEX "by_n";', "only the id is unique"),
        (f'ALTER TABLE {RECORDS} ADD CONSTRAINT "c" FOREIGN KEY ("a") REFERENCES "b" ("id") NOT VALID;', "foreign key"),
        (f"UPDATE {RECORDS} SET status = 0;", "locks every row"),
        (f"VACUUM FULL {RECORDS};", "locks the whole table"),
        ("-- THIS OPERATION CANNOT BE WRITTEN AS SQL", "ALLOWED"),
    ],
)
def test_what_locks_or_breaks_the_last_release_is_named(statement: str, problem: str) -> None:
    (found,) = problems_in([statement])
    assert problem in found


def test_a_default_that_django_takes_off_again_does_not_count() -> None:
    added = f'ALTER TABLE {RECORDS} ADD COLUMN "n" integer DEFAULT 0 NOT NULL;'
    assert list(problems_in([added])) == []
    (found,) = problems_in([added, f'ALTER TABLE {RECORDS} ALTER COLUMN "n" DROP DEFAULT;'])
    assert "does not fill" in found


@pytest.mark.parametrize(
    "statements",
    [
        [f'ALTER TABLE {RECORDS} ADD COLUMN "n" integer NULL;'],
        [f'CREATE INDEX CONCURRENTLY "by_n" ON {RECEIPTS} ("n");'],
        ['DROP INDEX CONCURRENTLY IF EXISTS "by_n";'],
        [f'ALTER TABLE {RECORDS} ADD CONSTRAINT "c" CHECK ("n" > 0) NOT VALID;'],
        [f'ALTER TABLE {RECORDS} VALIDATE CONSTRAINT "c";'],
        [f'ALTER TABLE {RECEIPTS} ADD CONSTRAINT "c" UNIQUE USING INDEX "by_n";'],
        [f'ALTER TABLE {RECORDS} ALTER COLUMN "n" DROP NOT NULL;'],
        ['CREATE TABLE "new" ("id" bigint NOT NULL);', 'CREATE INDEX "by_id" ON "new" ("id");'],
        ['CREATE INDEX "by_name" ON "orgs_team" ("name");'],
    ],
)
def test_what_only_notes_something_in_the_catalogue_passes(statements: list[str]) -> None:
    assert list(problems_in(statements)) == []


def test_the_indexes_of_the_records_are_known_by_their_names() -> None:
    assert {index.name.partition("_")[0] for index in LedgerRecord._meta.indexes} == {"usage"}


class Bad(migrations.Migration):
    operations = [
        migrations.AddField("usagebatch", "region", models.CharField(default="")),
        migrations.AddIndex("usagebatch", models.Index(fields=["region"], name="by_region")),
        migrations.RenameField("usagebatch", "region", "zone"),
        migrations.RemoveField("usagebatch", "line_count"),
        migrations.RunPython(migrations.RunPython.noop),
    ]


class Good(migrations.Migration):
    atomic = False
    operations = [
        migrations.AddField("usagebatch", "region", models.CharField(default="", db_default="")),
        AddIndexConcurrently("usagebatch", models.Index(fields=["region"], name="by_region")),
    ]


class BadWithMonths(migrations.Migration):
    atomic = False
    operations = [
        AddIndexConcurrently("ledgerrecord", models.Index(fields=["route"], name="usage_by_route")),
        RemoveIndexConcurrently("ledgerrecord", "usage_by_start"),
    ]


class GoodWithMonths(migrations.Migration):
    atomic = False
    operations = [
        AddRecordsIndex("ledgerrecord", models.Index(fields=["route"], name="usage_by_route")),
        RemoveRecordsIndex("ledgerrecord", "usage_by_start"),
    ]


@pytest.mark.production
@pytest.mark.parametrize(("migration", "count"), [(Bad, 5), (Good, 0), (BadWithMonths, 2), (GoodWithMonths, 0)])
def test_the_sql_of_a_bad_migration_is_found_bad(migration: type[migrations.Migration], count: int) -> None:
    state = MigrationLoader(None, replace_migrations=False).project_state()
    found = list(problems_in(statements_of(migration("0099_tried", "analytics"), state, connection)))
    assert len(found) == count, found
