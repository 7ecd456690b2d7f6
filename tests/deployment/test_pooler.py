"""Behind PgBouncer, which gives every transaction another session, all goes on as without it."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.databases import PortServer
from tests.deployment.test_by_hand import manage
from tests.fake_provider import FakeProvider
from tests.faults.health import is_well
from tests.processes import wait_until
from tests.proxy.calls import CHAT, Caller, chat
from tests.servers import PostgreSQL, ProxyServer, Redis, Worker

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class PgBouncer(PortServer):
    """In front of a PostgreSQL, with the settings of docs/deployment.md and next to no sessions."""

    def __init__(self, behind: str) -> None:
        super().__init__()
        self.given = urlsplit(behind)
        (self.folder / "users").write_text(f'"{self.given.username}" "{self.given.password}"\n')

    @property
    def url(self) -> str:
        name = f"{self.given.username}:{self.given.password}@127.0.0.1:{self.port}"
        return self.given._replace(netloc=name).geturl()

    def command(self) -> Sequence[str | Path]:
        lines = [
            "[databases]",
            f"* = host=127.0.0.1 port={self.given.port}",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {self.port}",
            "unix_socket_dir =",
            "auth_type = scram-sha-256",
            f"auth_file = {self.folder}/users",
            "pool_mode = transaction",
            "default_pool_size = 3",
            "max_client_conn = 200",
        ]
        (self.folder / "pgbouncer.ini").write_text("\n".join([*lines, ""]))
        return [PROGRAM or "", self.folder / "pgbouncer.ini"]

    def is_ready(self) -> bool:
        return "process up" in self.new_output


@pytest.mark.slow
@pytest.mark.production
@pytest.mark.timeout(300)
def test_calls_are_posted_and_the_books_proved_through_a_pooler(tmp_path: Path) -> None:
    if PROGRAM is None:
        pytest.skip("NOT TESTED: PgBouncer, which is not installed (.ci/run installs it)")
    with PostgreSQL() as postgres, Redis() as redis, FakeProvider() as provider, PgBouncer(postgres.url) as pooler:
        settings = {
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "SECRET_KEY": "the-secret-key-of-the-pooler",
            "DATABASE_URL": pooler.url,
            "DATABASE_POOLER": "true",
            "REDIS_URL": redis.url,
            "DATA_DIR": str(tmp_path),
            "OPENAI_UPSTREAM_URL": provider.openai_url,
        }
        with ProxyServer(settings, workers=2) as server, Worker(settings):
            wait_until(lambda: is_well(server), "two processes have migrated, one after the other, and serve")
            manage(settings, "create_organization", "Acme")
            key = manage(settings, "create_api_key", "--org", "acme", "--team", "backend").strip().split()[-1]
            for _ in range(20):
                assert Caller(server.port, key).post(CHAT, chat()).status == 200
            with psycopg.connect(postgres.url, autocommit=True) as line:

                def count(question: str) -> int:
                    return int((line.execute(question).fetchone() or (0,))[0])

                wait_until(lambda: count("SELECT count(*) FROM analytics_usagerecord") == 20, "all calls are posted")
                # Who migrates, or completes a call, holds one until the end of a transaction, and a session for ever.
                held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                wait_until(lambda: count(held) == 0, "no session keeps a lock that nobody gives back")
            manage(settings, "verify_ledger")
            manage(settings, "condense_rollups")
            assert "Traceback" not in server.output, server.output[-3000:]
