"""`manage.py serve`: migrate, then serve pages and proxied calls by uvicorn until SIGTERM or Ctrl-C.

One process does it itself. Several are children of this one (proxy.supervisor), which it calls by the same command.
"""

import argparse
import logging
import math
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import psycopg
import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection, connections

from proxy import endpoint
from proxy.draining import DrainingProtocol, DrainingServer
from proxy.health import look
from proxy.supervisor import SERVES, Supervisor

log = logging.getLogger(__name__)

# Any number, the same in all processes: those that start together migrate one after the other.
MIGRATION_LOCK = 4_115_099_067
_MIGRATE_AGAIN_SECONDS = 2.0


class Command(BaseCommand):
    help = "Migrate the database, then serve."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
        parser.add_argument("--workers", type=int, default=1, help="processes; trial mode has one")
        # What the parent of several says to its children.
        parser.add_argument("--only-prepare", action="store_true", help=argparse.SUPPRESS)
        parser.add_argument("--socket", type=int, help=argparse.SUPPRESS)
        parser.add_argument("--tell", type=int, help=argparse.SUPPRESS)
        parser.add_argument("--replaces", action="store_true", help=argparse.SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["workers"] < 1:
            raise CommandError("WORKERS must be 1 or more.")
        if options["workers"] > 1 and settings.IS_TRIAL:
            raise CommandError(
                "Trial mode serves with one process. For WORKERS above 1 set DATABASE_URL and REDIS_URL."
            )
        if options["only_prepare"]:
            migrate()
            collect_static_files()
        elif options["socket"] is not None:
            serve_as_child(options["socket"], options["tell"], replaces=options["replaces"])
        else:
            self._serve(options["host"], options["port"], options["workers"])

    def _serve(self, host: str, port: int, workers: int) -> None:
        allow_many_connections()
        with bind(host, port) as listener:
            migrate_or_go_on_trying()
            collect_static_files()
            host, port = listener.getsockname()[:2]
            mode = "trial mode" if settings.IS_TRIAL else "production"
            address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            if settings.LOG_FORMAT == "json":
                log.info("Serving %s (%s).", address, mode)
            else:
                self.stdout.write(f"Serving {address} ({mode}); Ctrl-C stops it.")
                self.stdout.flush()
            if workers == 1:
                serve_alone(listener)
            else:
                serve_by_children(listener, workers)


def collect_static_files() -> None:
    if not settings.IS_TRIAL:
        call_command("collectstatic", interactive=False, verbosity=0)


def allow_many_connections() -> None:
    """A call takes two file descriptors, one towards each side; systems begin with as few as 256 or 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * settings.MAX_CALLS + 1000
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        if allowed < wanted:
            log.warning("%d open files are allowed, and MAX_CALLS may need %d: raise `ulimit -n`.", allowed, wanted)


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


def migrate_or_go_on_trying() -> None:
    """Start even while the database server is away: what needs none is served, and the rest as soon as it is there.

    Raises `CommandError` where waiting does not help: trial mode's file cannot be used.
    """
    try:
        migrate()
    except CommandError as error:
        if settings.IS_TRIAL:
            raise
        log.error("%s Serving what goes without it, and trying again.", error)
        threading.Thread(target=_migrate_until_done, name="migrations", daemon=True).start()


def _migrate_until_done() -> None:
    waiting = threading.Event()
    while not waiting.wait(_MIGRATE_AGAIN_SECONDS):
        try:
            migrate()
        except CommandError:
            continue
        except Exception:
            log.exception("The migrations failed; trying again")
            continue
        log.info("The database is there and up to date.")
        return


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
    """PostgreSQL's advisory lock, on a connection beside the pool: its errors come at once and say the reason.

    Of a transaction, since a pooler (PgBouncer) gives the next one to another session.
    """
    try:
        with psycopg.connect(**connection.get_connection_params()) as lock:
            lock.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
            yield
    except psycopg.OperationalError as error:
        raise OperationalError(*error.args) from error


def serve_alone(listener: socket.socket) -> None:
    server = new_server(may_listen=lambda: True)
    # uvicorn ends by sending itself the signal that stopped it. An orderly stop is a success: exit code 0.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGHUP, lambda *_: server.handle_exit(signal.SIGTERM, None))  # nobody is there to take over
    server.run(sockets=[listener])
    if not server.started:
        raise CommandError("The server did not start; the lines above say why.", returncode=3)


def serve_by_children(listener: socket.socket, workers: int) -> None:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "serve"]
    supervisor = Supervisor(
        listener,
        workers,
        prepare=[*command, "--only-prepare"],
        serve=command,
        replace=[*command, "--replaces"],
    )
    if code := supervisor.run():
        raise CommandError("The server did not start; the lines above say why.", returncode=code)


def serve_as_child(descriptor: int, mouth: int, *, replaces: bool) -> None:
    """On the parent's socket, until a signal or the end of the standard input: others serve on, or nobody is there."""
    for inherited in (descriptor, mouth):
        os.set_inheritable(inherited, False)  # noqa: FBT003
    server = new_server(
        # One that takes over must know as much as the one that goes: a key that it cannot look up would be refused.
        may_listen=lambda: not replaces or look(endpoint.serving()).state != "unavailable",
        on_listening=lambda: os.write(mouth, SERVES),
    )

    def wait_for_successor() -> None:
        os.read(0, 1)
        server.hand_over()

    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=wait_for_successor, name="successor", daemon=True).start()
    with socket.socket(fileno=descriptor) as listener:
        server.run(sockets=[listener])


def new_server(*, may_listen: Callable[[], bool], on_listening: Callable[[], object] = lambda: None) -> DrainingServer:
    config = uvicorn.Config(
        "config.asgi:application",
        loop="uvloop",
        http=DrainingProtocol,
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
    )
    return DrainingServer(
        config,
        notice_seconds=settings.SHUTDOWN_NOTICE,
        may_listen=may_listen,
        on_listening=on_listening,
        on_leaving=endpoint.leave,
    )
