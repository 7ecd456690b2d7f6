"""The command line of manage.py. A database that no command can work with is told in a sentence, not by a traceback."""

import sys
from collections.abc import Sequence

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from config import logs


def execute(arguments: Sequence[str]) -> None:
    logs.watch_uncaught_errors()
    try:
        execute_from_command_line(list(arguments))
    except DatabaseError:
        problem = _problem()
        if problem is None:
            raise
        sys.exit(f"CommandError: {problem}")


def _problem() -> str | None:
    """What is wrong with the database as a whole; None if it is fit for use."""
    if settings.IS_TRIAL:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    try:
        executor = MigrationExecutor(connection)
        is_behind = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except OperationalError as error:
        return f"The database cannot be used: {str(error).strip()}"
    if is_behind:
        return "The database has no tables of this release yet. `make serve` makes them, or `make manage ARGS=migrate`."
    return None
