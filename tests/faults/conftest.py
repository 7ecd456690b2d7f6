"""The stage of the faults: our processes as an operator runs them, each test with its own journal and organization.

`FAULTS=long` selects the long forms: every point in both modes, more calls, more rounds.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import DjangoDbBlocker

from analytics.models import LedgerRecord
from orgs.models import Organization
from tests.conftest import IS_PRODUCTION, settings_of_services
from tests.factories import make_key, make_organization, make_team
from tests.fake_provider import FakeProvider
from tests.faults.audit import check_ledger, wait_until_whole
from tests.faults.load import Load
from tests.servers import ProxyServer, Worker

IS_LONG = os.environ.get("FAULTS") == "long"
LIMITS = {"NEW_VALUES_PER_DAY": "1000000"}  # each call brings a prompt key of its own


@pytest.fixture(scope="module")
def committed_database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database for a whole module: what is written is seen by the servers, and emptied after the module."""
    with django_db_blocker.unblock():
        yield
        call_command("flush", interactive=False, verbosity=0, reset_sequences=False)


@pytest.fixture
def transactional_db(committed_database: None) -> None:
    """By this name pytest-django knows that a test needs the database made."""


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def worker(committed_database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Who posts: a worker in production, nobody besides the server in trial mode."""
    if not IS_PRODUCTION:
        yield
        return
    with Worker({**settings_of_services(tmp_path_factory.mktemp("worker")), **LIMITS}):
        yield


class Stage:
    """One proxy before the fake provider, an organization that calls, and everything that its calls came to."""

    def __init__(self, journal: Path, provider: FakeProvider) -> None:
        self.journal = journal
        self.provider = provider
        self.organization: Organization = make_organization()
        self.platform_key = make_key(make_team(self.organization))[1]
        urls = {"OPENAI_UPSTREAM_URL": provider.openai_url, "ANTHROPIC_UPSTREAM_URL": provider.anthropic_url}
        self.server = ProxyServer({**settings_of_services(journal), **urls, **LIMITS})
        self.load: Load | None = None

    def start(self, failpoints: str = "", **settings: str) -> None:
        self.server.settings |= {"FAILPOINTS": failpoints, **settings}
        self.server.start()

    def calls(self, scenario: str = "") -> Load:
        """The calls of this test so far, to which more can be added."""
        if self.load is None:
            self.load = Load(self.server.port, self.platform_key, scenario=scenario)
        return self.load

    def records(self) -> list[LedgerRecord]:
        return list(LedgerRecord.objects.filter(organization_id=self.organization.pk))

    def check(self, seconds: float = 60) -> dict[str, int]:
        """Wait until nothing is on its way, and compare."""
        wait_until_whole(self.journal, seconds)
        return check_ledger(self.organization, self.calls(), self.provider)


@pytest.fixture
def stage(transactional_db: None, tmp_path: Path, provider: FakeProvider) -> Iterator[Stage]:
    stage = Stage(tmp_path / "journal", provider)
    yield stage
    if stage.server.process is not None and stage.server.process.poll() is None:
        stage.server.kill()
    stage.server.close()
