"""How the two databases are used: SQLite in trial mode, PostgreSQL in production. For `config.settings`."""

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured


def sqlite(file: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def postgresql(url: str, pool_size: int) -> dict[str, Any]:
    """Raises `ImproperlyConfigured` for another database's URL."""
    database: dict[str, Any] = dict(dj_database_url.parse(url))
    if database["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(
            "DATABASE_URL must name a PostgreSQL database: postgresql://user:password@host/name."
        )
    given = database.get("OPTIONS", {})
    database["OPTIONS"] = {
        **given,
        "connect_timeout": 5,
        # The reports are many cheap sums over few rows: compiling them first takes longer than adding up.
        "options": " ".join(["-c jit=off", *filter(None, [given.get("options")])]),
        "pool": {"min_size": 1, "max_size": pool_size, "timeout": 10},
    }
    database["CONN_HEALTH_CHECKS"] = True  # a connection from before a restart of the database is replaced
    return database
