"""How the two databases are used: SQLite in trial mode, PostgreSQL in production. For `config.settings`."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

REDIS_AS_BROKER = {
    "visibility_timeout": 300,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "health_check_interval": 10,
}


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


def configure(file: Path, url: str, reports_url: str, pool_size: int, *, has_pooler: bool) -> dict[str, dict[str, Any]]:
    """DATABASES: SQLite in that file where no PostgreSQL is named; a replica for reports where one is.

    Raises `ImproperlyConfigured`.
    """
    if not url:
        if reports_url:
            raise ImproperlyConfigured(
                "REPORTS_DATABASE_URL names a replica of DATABASE_URL's database: set that, too."
            )
        return {"default": sqlite(file)}
    databases = {"default": postgresql(url, pool_size)}
    if reports_url:
        databases["reports"] = postgresql(reports_url, pool_size, "REPORTS_DATABASE_URL")
    if has_pooler:
        for database in databases.values():
            # A cursor of the server's outlives no transaction there. Poolers refuse to set what holds for a session:
            # docs/deployment.md has it set for the role.
            database["DISABLE_SERVER_SIDE_CURSORS"] = True
            del database["OPTIONS"]["options"]
    return databases


def postgresql(url: str, pool_size: int, name: str = "DATABASE_URL") -> dict[str, Any]:
    """Raises `ImproperlyConfigured` for another database's URL, without telling what it is."""
    try:
        database: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError:
        database = {"ENGINE": None}
    if database["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(
            f"{name} must name a PostgreSQL database: postgresql://user:password@host/name. "
            "Special letters of the password are percent-encoded."
        ) from None  # the parser's words quote the password
    given = database.get("OPTIONS", {})
    database["ENGINE"] = "config.postgresql"
    database["OPTIONS"] = {
        **given,
        "connect_timeout": 5,
        "tcp_user_timeout": 10_000,  # ms until a connection to a machine that vanished is given up
        # The reports are many cheap sums over few rows: compiling them first takes longer than adding up.
        "options": " ".join(["-c jit=off", *filter(None, [given.get("options")])]),
        "pool": {"min_size": 1, "max_size": pool_size, "timeout": 1},
    }
    database["CONN_HEALTH_CHECKS"] = True  # a connection from before a restart of the database is replaced
    return database


def check_column_store(url: str, *, is_trial: bool) -> None:
    """Raises `ImproperlyConfigured` for what is no URL of ClickHouse's HTTP interface, without telling what it is."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and len(parts.path.split("/")) <= 2
        _ = parts.port
    except ValueError:
        usable = False
    if url and not usable:
        raise ImproperlyConfigured(
            "COLUMN_STORE_URL must be like https://user:password@host:8443/database. "
            "Special letters of the password are percent-encoded."
        )
    if url and is_trial:
        raise ImproperlyConfigured("COLUMN_STORE_URL names a copy of DATABASE_URL's database: set that, too.")


def check_redis(url: str) -> None:
    """Raises `ImproperlyConfigured` for what is no URL of a Redis server, without telling what it is."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"redis", "rediss", "unix"} and (parts.port is None or bool(parts.hostname))
    except ValueError:
        usable = False
    if url and not usable:
        raise ImproperlyConfigured(
            "REDIS_URL must be like redis://:password@host:6379/0. Special letters of the password are percent-encoded."
        )
