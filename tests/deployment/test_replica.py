"""Reports read a real replica: as it is, until it is too old or away, and nothing else does."""

import http.client
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.deployment.replicas import Replica
from tests.deployment.test_by_hand import manage
from tests.fake_provider import FakeProvider
from tests.proxy.calls import CHAT, Caller, chat
from tests.servers import PostgreSQL, ProxyServer, Redis, Worker, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.production, pytest.mark.timeout(300)]


class Service:
    """One organization with a key, and what the REST API says of its calls."""

    def __init__(self, settings: dict[str, str], replica: Replica, server: ProxyServer) -> None:
        manage(settings, "create_organization", "Acme")
        self.key = manage(settings, "create_api_key", "--org", "acme", "--team", "backend").strip().split()[-1]
        self.primary = psycopg.connect(settings["DATABASE_URL"], autocommit=True)
        self.replica, self.server = replica, server

    def call(self) -> None:
        before = self.posted()
        assert Caller(self.server.port, self.key).post(CHAT, chat()).status == 200
        wait_until(lambda: self.posted() > before, "the call is posted to the primary")

    def posted(self) -> int:
        (count,) = self.primary.execute("SELECT count(*) FROM analytics_usagerecord").fetchone() or (0,)
        return int(count)

    def reported(self) -> int:
        """By a report. The log of requests, which reads records instead of sums, says the same."""
        today = date.today().isoformat()  # noqa: DTZ011 - the organization is in UTC, as the machine of a test
        sums = self.ask(f"/api/aggregations/daily/?start={today}&end={today}")
        return int(sums["request_count"])

    def listed(self) -> int:
        return len(self.ask("/api/requests/")["requests"])

    def ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 200, body
        return json.loads(body)

    def tell_replica(self, statement: str) -> None:
        with psycopg.connect(self.replica.url, autocommit=True) as line:
            line.execute(statement)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with PostgreSQL() as primary, Redis() as redis, FakeProvider() as provider:
        settings = {
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "SECRET_KEY": "the-secret-key-of-the-replica",
            "DATABASE_URL": primary.url,
            "REDIS_URL": redis.url,
            "DATA_DIR": str(tmp_path),
            "OPENAI_UPSTREAM_URL": provider.openai_url,
            "REPORTS_MAX_LAG": "20",
        }
        manage(settings, "migrate", "--verbosity", "0")
        with Replica(primary) as replica:
            settings["REPORTS_DATABASE_URL"] = replica.url
            with ProxyServer(settings) as server, Worker(settings):
                service = Service(settings, replica, server)
                yield service
                service.primary.close()


def test_reports_read_the_replica_until_it_is_too_old_or_away(service: Service) -> None:
    service.call()
    wait_until(lambda: service.reported() == service.listed() == 1, "the replica has the first call")
    service.tell_replica("SELECT pg_wal_replay_pause()")
    service.call()
    assert (service.posted(), service.reported(), service.listed()) == (2, 1, 1)
    # Were postings alone looked at, the primary would seem to have none that the replica lacks.
    service.primary.execute("UPDATE analytics_usagebatch SET posted_at = posted_at - interval '1 hour'")
    wait_until(lambda: service.reported() == 2, "a replica that is too far behind is not read")
    assert service.listed() == 2
    assert "behind, which is more than REPORTS_MAX_LAG" in service.server.output
    before = said_again(service)
    service.tell_replica("SELECT pg_wal_replay_resume()")
    wait_until(lambda: service.reported() == 2 and said_again(service) > before, "it is read again")
    service.replica.stop()
    service.call()
    wait_until(lambda: is_answered(service, 3), "without a replica the primary is read")
    assert "the replica does not answer" in service.server.output
    before = said_again(service)
    service.replica.start()
    wait_until(lambda: is_answered(service, 3) and said_again(service) > before, "it is back")


def test_a_replica_that_follows_nobody_any_more_is_not_read(service: Service) -> None:
    service.call()
    wait_until(lambda: service.reported() == 1, "the replica has the first call")
    service.tell_replica("SELECT pg_promote()")
    service.call()
    wait_until(lambda: service.reported() == 2, "the primary is read")
    assert "follows no other PostgreSQL" in service.server.output


def said_again(service: Service) -> int:
    """How often. A machine that halts for long has it told more often than the tests here give reason for."""
    return service.server.output.count("read the replica again")


def is_answered(service: Service, count: int) -> bool:
    """A request that was under way when the replica went may be a 503."""
    try:
        return service.reported() == count
    except AssertionError:
        return False
