"""The stage of the tests through the URL: our proxy as its operator runs it, in front of the fake provider.

One server serves many tests, each of which calls with a platform key of its own. Records are read from the journal;
the way from there to the ledger is `test_proxied_call.py`'s.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker

from orgs.models import ApiKey, Organization
from tests.conftest import IS_PRODUCTION, settings_of_services
from tests.factories import make_key, make_organization, make_team
from tests.fake_provider import FakeProvider
from tests.faults import audit
from tests.proxy.calls import Caller
from tests.proxy.records import Records
from tests.servers import ProxyServer, wait_until

Serve = Callable[..., contextlib.AbstractContextManager[ProxyServer]]
_IS_MADE = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def journal_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journal")


@pytest.fixture(scope="session")
def made_database(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """The test database. pytest-django makes it only where a test asks for it by mark or fixture, and these here have
    no use for the transaction, or the emptying after each test, that would come with that.
    """
    names = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    is_asked_for = bool(names & {"db", "transactional_db"}) or any(
        item.get_closest_marker("django_db") for item in request.session.items
    )
    # More than one folder has this fixture, and each of them one of its own.
    if is_asked_for or request.session.stash.get(_IS_MADE, False):
        yield
        return
    request.session.stash[_IS_MADE] = True
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="module")
def committed_database(made_database: None, django_db_blocker: DjangoDbBlocker, journal_folder: Path) -> Iterator[None]:
    """The database for a whole module: what is written is seen by the servers, and emptied after the module."""
    with django_db_blocker.unblock():
        yield
        wait_until(lambda: is_shipped(journal_folder), "the journal is posted, or handed to the broker")
        call_command("flush", interactive=False, verbosity=0, reset_sequences=False)


def is_shipped(journal: Path) -> bool:
    """Whether nothing is left that a proxy of this session could post into the next module's database."""
    if IS_PRODUCTION:
        return True  # Nobody takes the segments from the broker.
    return audit.is_shipped(journal)


@pytest.fixture(scope="session")
def running_provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


@pytest.fixture
def provider(running_provider: FakeProvider) -> Iterator[FakeProvider]:
    running_provider.reset()
    yield running_provider
    running_provider.release()


@pytest.fixture(scope="session")
def leave(made_database: None) -> Iterator[Callable[[ProxyServer], None]]:
    """Has a server stop. No call may have failed inside, or hang: that is looked at now in trial mode, and in
    production at the end, since a server that stops waits for receipts for seconds, and nobody here writes them.
    """
    leaving: list[ProxyServer] = []

    def look(server: ProxyServer) -> None:
        with contextlib.closing(server):
            server.wait()
            assert "Traceback" not in server.output, server.output[-6000:]
            assert "running task" not in server.output, f"a call has not ended:\n{server.output[-6000:]}"

    def leave(server: ProxyServer) -> None:
        server.ask_to_stop()
        if IS_PRODUCTION:
            leaving.append(server)
        else:
            look(server)

    with contextlib.ExitStack() as stack:
        yield leave
        for server in leaving:
            stack.callback(look, server)


@pytest.fixture(scope="session")
def serve(leave: Callable[[ProxyServer], None], journal_folder: Path, running_provider: FakeProvider) -> Serve:
    """Starts a proxy in front of the fake provider, with further settings."""

    @contextlib.contextmanager
    def serve(settings: Mapping[str, str] | None = None) -> Iterator[ProxyServer]:
        urls = {
            "OPENAI_UPSTREAM_URL": running_provider.openai_url,
            "ANTHROPIC_UPSTREAM_URL": running_provider.anthropic_url,
        }
        server = ProxyServer({**settings_of_services(journal_folder), **urls, **(settings or {})})
        with contextlib.ExitStack() as stack:
            stack.enter_context(server)
            yield server
            stack.pop_all()
            leave(server)

    return serve


@pytest.fixture(scope="package")
def usual_server(serve: Serve) -> Iterator[ProxyServer]:
    """Gone before another package's tests empty, break or rebuild the database under it."""
    with serve() as server:
        yield server


@pytest.fixture
def server(usual_server: ProxyServer) -> ProxyServer:
    """A module with other needs has a fixture of this name."""
    return usual_server


@pytest.fixture
def organization(committed_database: None) -> Organization:
    return make_organization()


@pytest.fixture
def issued(organization: Organization) -> tuple[ApiKey, str]:
    return make_key(make_team(organization))


@pytest.fixture
def proxy(server: ProxyServer, provider: FakeProvider, issued: tuple[ApiKey, str]) -> Caller:
    """Calls with a platform key that belongs to this test."""
    return Caller(server.port, issued[1])


@pytest.fixture
def records(journal_folder: Path, issued: tuple[ApiKey, str]) -> Records:
    return Records(journal_folder, issued[0].pk)
