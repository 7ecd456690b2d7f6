"""ClickHouse's engine for the tests of this folder: one for all of them, with empty tables for each."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from analytics.record_store import client as clients
from analytics.record_store.client import Client
from orgs.models import ApiKey
from tests.factories import make_key, make_organization, make_team
from tests.record_store.engine import Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.fixture
def store(engine: Engine, settings: Settings, transactional_db: None) -> Iterator[Client]:
    """The column store of this test's settings."""
    settings.COLUMN_STORE_URL, settings.COLUMN_STORE_ANSWERS = engine.url, "all"
    client = Client(engine.url, seconds=60)
    clients.drop(client)
    yield client
    client.close()


@pytest.fixture
def key(store: Client) -> ApiKey:
    return make_key(make_team(make_organization(timezone="UTC")))[0]
