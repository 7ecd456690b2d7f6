"""The surroundings of every test: its settings, database and Redis, and no network but this machine.

`make test` (tests/run.py) says by TEST_MODE, TEST_DATABASE_URL and TEST_REDIS_URL what to run on. A bare `pytest` runs
in trial mode on SQLite and skips the tests marked `production`.
"""

import gc
import os
import shutil
import sys
import tempfile
from datetime import UTC, date, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_django

from scripts.hermetic import DEAD_URL, environment

# Thousands of tests and all that they import live until the end: looking through them again and again took a third of
# the time. `pytest_runtestloop` lets the collector back in, with all of that out of its sight.
gc.disable()

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
TESTS = Path(__file__).parent
IS_PRODUCTION = os.environ.get("TEST_MODE") == "production"
IS_PARTITIONED = IS_PRODUCTION and bool(os.environ.get("TEST_MONTHS"))  # the usage records
# Short, so that sockets fit in; SQLite's file, the journal and the secret key of this process's tests.
FOLDER = Path(tempfile.mkdtemp(prefix="aipc-tests-"))


def _own_redis_url() -> str:
    """The given Redis, with a database for each parallel process, which empties it before each test."""
    given = urlsplit(os.environ["TEST_REDIS_URL"])
    number = int(given.path.strip("/") or 0) + int(WORKER.removeprefix("gw") or 0)
    return given._replace(path=f"/{number}").geturl()


def _enter_environment() -> None:
    """Set the variables that config/settings.py reads, and leave none of the caller's."""
    settings = {
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "SECRET_KEY": "the-secret-key-of-the-tests",
        "DATA_DIR": str(FOLDER),
        "JOURNAL_DIR": str(FOLDER / "journal"),
        "OPENAI_UPSTREAM_URL": DEAD_URL,
        "ANTHROPIC_UPSTREAM_URL": DEAD_URL,
        "UPSTREAM_CLIENT": os.environ.get("TEST_UPSTREAM_CLIENT", ""),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    if IS_PRODUCTION:
        settings |= {"DATABASE_URL": os.environ["TEST_DATABASE_URL"], "REDIS_URL": _own_redis_url()}
    clean = environment()
    os.environ.clear()
    os.environ.update(clean | settings)


_enter_environment()

import django  # noqa: E402  (reads the environment made above)

django.setup()

from hypothesis import HealthCheck  # noqa: E402
from hypothesis import settings as hypothesis_settings  # noqa: E402

# How long an example takes says more about what else the machine does than about our code. The examples are the same
# in each run: `make fuzz` is for ever new ones.
hypothesis_settings.register_profile(
    "ours", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("ours")
# Parallel processes inherit this environment. With the name in it, pytest-django would read the settings in them before
# this file has made theirs, and all would share one Redis database and one folder.
del os.environ["DJANGO_SETTINGS_MODULE"]

import redis  # noqa: E402
from django.conf import settings as django_settings  # noqa: E402
from django.contrib.auth.hashers import PBKDF2PasswordHasher  # noqa: E402
from django.db import connection  # noqa: E402

from tests.emptying import keep_what_migrating_writes  # noqa: E402

# Real servers serve the static files. In test clients that costs a tenth of a second for each client, which reads the
# list of all files, and an event loop with three changes of thread for each request.
django_settings.MIDDLEWARE = [name for name in django_settings.MIDDLEWARE if not name.startswith("servestatic.")]
# A hash is a quarter of a second of computing by design. With one round it keeps its form: real servers read it.
PBKDF2PasswordHasher.iterations = 1
keep_what_migrating_writes()

# --- What runs --------------------------------------------------------------------------------------------------------

# Begun first, the longest first, so that no process is left alone with one of them at the end.
_LONG = (
    "clients/test_sdks.py",
    "record_store/test_same_answers.py",
    "record_store/test_carrying_over.py",
    "faults/test_neighbours_away.py",
    "faults/test_staying_up.py",
    "security/test_outsiders.py",
    "accounts/test_demo.py",
    "test_serving.py",
    "faults/test_crash_points.py",
    "pages/test_every_url.py",
    "documentation/test_snippets.py",
    "documentation/test_readme.py",
    "security/test_answers.py",
    "prompts/test_builder_programs.py",
    "faults/test_deaths_under_load.py",
    "accounts/test_onboarding_prompt.py",
    "faults/test_full_disk.py",
)

# Marks of what `make test` leaves out.
_EXTRAS = {"node", "browser", "clients", "slow"}


# Folders with nothing but such tests.
_EXTRA_FOLDERS = {"clients", "journeys", "node"}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Importing what will not run takes each process seconds."""
    is_extra = collection_path.parent == TESTS and collection_path.name in _EXTRA_FOLDERS
    if is_extra and os.environ.get("TEST_EXTRAS") == "without":
        return True
    is_file = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    if is_file and os.environ.get("TEST_MODE") == "trial" and "mark.trial" not in collection_path.read_text():
        return True
    return None


def _place(item: pytest.Item) -> tuple[int, str]:
    """Where its file comes. Those of a folder stay together, since they share servers."""
    file = item.path.relative_to(TESTS).as_posix()
    return (_LONG.index(file) if file in _LONG else len(_LONG), file)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests of this mode, in order: TEST_MODE production or trial, TEST_EXTRAS with, without or only."""
    extras = os.environ.get("TEST_EXTRAS", "with")

    def belongs(item: pytest.Item) -> bool:
        is_extra = any(mark.name in _EXTRAS for mark in item.iter_markers())
        if (extras == "without" and is_extra) or (extras == "only" and not is_extra):
            return False
        return os.environ.get("TEST_MODE") != "trial" or any(item.iter_markers("trial"))

    kept = [item for item in items if belongs(item)]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if not belongs(item)])
        items[:] = kept
    items.sort(key=_place)
    for item in items:
        if any(mark.name in {"node", "clients"} for mark in item.iter_markers()):
            item.add_marker(pytest.mark.timeout(1200))  # the first of them installs what they need
    if not IS_PRODUCTION:
        for item in items:
            if any(item.iter_markers("production")):
                item.add_marker(pytest.mark.skip(reason="needs PostgreSQL and Redis: run it by `make test ARGS=...`"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)


# --- The network: this machine only -----------------------------------------------------------------------------------

_GIVEN_HOSTS = {urlsplit(os.environ.get(name, "")).hostname for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL")}


def _is_allowed(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if not isinstance(host, str) or host in {"", "localhost", "0.0.0.0", "::"} or host in _GIVEN_HOSTS:
        return True
    try:
        return ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse_outside(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not _is_allowed(host):
        raise RuntimeError(f"A test reached for the network: {host!r}. Only this machine is allowed.")


sys.addaudithook(_refuse_outside)


# --- Database and Redis -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """SQLite in a file, as in trial mode, at the place where a server with this DATA_DIR looks for it."""
    if not IS_PRODUCTION:
        connection.settings_dict["TEST"]["NAME"] = str(FOLDER / "db.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> None:
    """With TEST_MONTHS the usage records lie in months, as `manage.py partition_records` makes them."""
    if IS_PARTITIONED:
        from analytics.partitions import conversion, reading

        with django_db_blocker.unblock():
            conversion.convert(datetime(2026, 12, 1, tzinfo=UTC), print, month=date(2026, 1, 1))
            reading.forget()
            connection.close()


# One connection for all: making one for each test took longer than most tests.
_redis = redis.Redis.from_url(django_settings.REDIS_URL) if IS_PRODUCTION else None


@pytest.fixture(autouse=True)
def _empty_redis() -> None:
    if _redis is not None:
        _redis.flushdb()
    else:
        from django.core.cache import cache

        cache.clear()


def settings_of_services(journal: Path) -> dict[str, str]:
    """The variables for a server or worker of ours (tests.servers) that shares the tests' database and Redis."""
    names = ("PUBLIC_URL", "SECRET_KEY", "DATA_DIR", "DATABASE_URL", "REDIS_URL", "UPSTREAM_CLIENT")
    settings = {name: os.environ[name] for name in names if name in os.environ}
    settings |= {"JOURNAL_DIR": str(journal), "LOG_LEVEL": "INFO", "SHUTDOWN_GRACE": "10"}
    if IS_PRODUCTION:
        name = str(connection.settings_dict["NAME"])
        settings["DATABASE_URL"] = urlsplit(settings["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    return settings


@pytest.fixture
def service_settings(transactional_db: None, tmp_path: Path) -> dict[str, str]:
    """The same for one test. Its journal is its own; what it writes is committed, and emptied afterwards."""
    return settings_of_services(tmp_path / "journal")
