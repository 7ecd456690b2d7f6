"""A PostgreSQL cluster, kept between runs or not, with the settings of an ordinary small server, and Django upon it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.hermetic import environment
from tests.servers import PostgreSQL, Redis

# Durable. The memory is a quarter of a server with 4 GB, as PostgreSQL's manual advises, and what follows from it.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "effective_cache_size": "3GB",
    "maintenance_work_mem": "256MB",
    "random_page_cost": "1.1",
    "max_wal_size": "4GB",
    # Loading in the transaction that emptied a table then needs no log of it.
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@contextmanager
def opened_fresh() -> Iterator[None]:
    """The same in a folder that goes away afterwards."""
    with TemporaryDirectory(prefix="aipc-bench-") as made:
        Path(made).chmod(0o755)  # PostgreSQL may run as another user
        with opened(Path(made)):
            yield


@contextmanager
def opened(folder: Path) -> Iterator[None]:
    """Django set up on the cluster in this folder, which is made if it is not there, and migrated."""
    folder.mkdir(parents=True, exist_ok=True)
    with PostgreSQL(kept=folder, settings=SETTINGS) as database, Redis() as broker:
        os.environ.clear()
        os.environ.update(environment_of(database, broker, folder))
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", interactive=False, verbosity=0)
        from django.db import connection

        try:
            yield
        finally:
            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL's wrapper


def environment_of(database: PostgreSQL, broker: Redis, folder: Path) -> dict[str, str]:
    return {
        **environment(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database.url,
        "REDIS_URL": broker.url,
        "PUBLIC_URL": "http://localhost",
        "SECRET_KEY": "benchmark",
        "DATA_DIR": str(folder),
        "LOG_LEVEL": "ERROR",
    }
