"""One set-up for all tests of a module."""

from collections.abc import Iterator

import pytest

from tests.clients.stage import Stage, set_up


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_up(tmp_path_factory.mktemp("clients")) as stage:
        yield stage
