"""`manage.py serve`: migrate, then serve pages and proxied calls by uvicorn in this process until SIGTERM or Ctrl-C."""

import math
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import psycopg
import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection, connections
from uvicorn.supervisors import Multiprocess

from proxy.http_server import ClientProtocol

# Any number, the same in all processes: those that start together migrate one after the other.
MIGRATION_LOCK = 4_115_099_067


class Command(BaseCommand):
    help = "Migrate the database, then serve."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
        parser.add_argument("--workers", type=int, default=1, help="processes; trial mode has one")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["workers"] < 1:
            raise CommandError("WORKERS must be 1 or more.")
        if options["workers"] > 1 and settings.IS_TRIAL:
            raise CommandError(
                "Trial mode serves with one process. For WORKERS above 1 set DATABASE_URL and REDIS_URL."
            )
        with bind(options["host"], options["port"]) as listener:
            migrate()
            if not settings.IS_TRIAL:
                call_command("collectstatic", interactive=False, verbosity=0)
            host, port = listener.getsockname()[:2]
            mode = "trial mode" if settings.IS_TRIAL else "production"
            address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            self.stdout.write(f"Serving {address} ({mode}); Ctrl-C stops it.")
            self.stdout.flush()
            serve(listener, options["workers"])


def bind(host: str, port: int) -> socket.socket:
    """The socket to serve on, taken before anything slow so that a taken port is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)  # Only a listening socket keeps a second server away; early clients wait.
    except (OSError, OverflowError) as error:
        listener.close()
        raise CommandError(
            f"Cannot serve on {host}, port {port}: {error}. Choose another port: make serve PORT={port + 1}"
        ) from None
    return listener


def migrate() -> None:
    """Bring the database up to date; processes that start together do it one after the other."""
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    try:
        with hold_migration_lock() if connection.vendor == "postgresql" else nullcontext():
            call_command("migrate", interactive=False, verbosity=0)
    except OperationalError as error:
        raise CommandError(f"The database cannot be used: {str(error).strip()}") from None
    finally:
        connections.close_all()
        if connection.vendor == "postgresql":
            connection.close_pool()  # type: ignore[attr-defined]  # of the PostgreSQL engine


@contextmanager
def hold_migration_lock() -> Iterator[None]:
    """PostgreSQL's advisory lock, on a connection beside the pool: its errors come at once and say the reason."""
    try:
        with psycopg.connect(**connection.get_connection_params()) as lock:
            lock.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
            yield
    except psycopg.OperationalError as error:
        raise OperationalError(*error.args) from error


def serve(listener: socket.socket, workers: int) -> None:
    config = uvicorn.Config(
        "config.asgi:application",
        loop="uvloop",
        http=ClientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,  # Django's LOGGING holds
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=bool(settings.TRUSTED_PROXIES),
        forwarded_allow_ips=settings.TRUSTED_PROXIES,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=math.ceil(settings.SHUTDOWN_GRACE),
        workers=workers,
    )
    if workers > 1:
        Multiprocess(config, sockets=[listener]).run()
        return
    server = uvicorn.Server(config)
    # uvicorn ends by sending itself the signal that stopped it. An orderly stop is a success: exit code 0.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    server.run(sockets=[listener])
    if not server.started:
        raise CommandError("The server did not start; the lines above say why.", returncode=3)
