"""One served proxy for all tests of a module; each test has an organization of its own."""

from collections.abc import Iterator

import pytest

from tests.documentation.served import Account, Served
from tests.fake_provider import Scenario


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("documentation"))
    running.start()
    # The documentation's example answers use these.
    running.provider.always(Scenario(prompt_tokens=42, output_tokens=120))
    yield running
    running.stop()


@pytest.fixture
def account(served: Served) -> Account:
    return served.new_account()
