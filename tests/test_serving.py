"""The processes as an operator runs them: `manage.py serve`, `worker` and `beat`."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pytest_django import DjangoDbBlocker

from scripts.hermetic import ROOT, environment
from tests.conftest import IS_PRODUCTION, settings_of_services
from tests.servers import ProxyServer, Worker, wait_until


@pytest.fixture
def server(service_settings: dict[str, str]) -> Iterator[ProxyServer]:
    with ProxyServer(service_settings) as server:
        yield server


@pytest.fixture(scope="module")
def kept_server(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxyServer]:
    """For the tests that ask and leave it as it is. Their mark has the database made."""
    with django_db_blocker.unblock():
        settings = settings_of_services(tmp_path_factory.mktemp("journal"))
    with ProxyServer(settings) as server:
        yield server


def answer(server: ProxyServer, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, path, headers=headers)
    return connection.getresponse()


def command(name: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "manage.py", name, *arguments]
    return subprocess.run(
        line, cwd=ROOT, env=environment() | settings, capture_output=True, text=True, check=False, timeout=180
    )


@pytest.mark.trial
@pytest.mark.django_db
def test_livez_answers_whatever_the_host_header_says(kept_server: ProxyServer) -> None:
    assert answer(kept_server, "/livez", Host="10.0.0.7:8000").status == 200
    assert answer(kept_server, "/livez", "HEAD").read() == b""
    assert answer(kept_server, "/livez", "POST").status == 405


@pytest.mark.trial
@pytest.mark.django_db
def test_a_page_and_its_style_sheet_are_served(kept_server: ProxyServer) -> None:
    assert answer(kept_server, "/accounts/login/").status == 200
    assert answer(kept_server, "/static/css/tokens.css").status == 200


@pytest.mark.trial
def test_it_serves_again_on_the_same_port_after_a_kill_and_stops_in_order_and_so_it_does_on_ctrl_c(
    server: ProxyServer,
) -> None:
    port = server.port
    server.kill()
    server.start()
    assert server.port == port
    assert server.stop() == 0
    server.start()
    server.stop_signal = signal.SIGINT
    assert server.stop() == 0
    assert "Traceback" not in server.output


@pytest.mark.trial
def test_a_taken_port_is_told_with_the_way_out(service_settings: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = command("serve", "--port", str(port), **service_settings)
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    assert f"PORT={port + 1}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_trial_mode_refuses_what_needs_the_production_set_up(tmp_path: Path) -> None:
    for arguments in (("serve", "--port", "0", "--workers", "2"), ("worker",), ("beat",)):
        refused = command(*arguments, DATA_DIR=str(tmp_path))
        assert refused.returncode == 1, arguments
        assert "DATABASE_URL" in refused.stderr, arguments
        assert "Traceback" not in refused.stderr, arguments


@pytest.mark.slow
@pytest.mark.trial
def test_a_command_before_the_first_start_names_what_makes_the_tables(tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path / "new"), "SECRET_KEY": "secret"}
    refused = command("create_organization", "Acme", **settings)
    assert refused.returncode == 1
    assert refused.stderr.startswith("CommandError: The database has no tables of this release yet. `make serve`")
    assert "Traceback" not in refused.stderr
    assert command("migrate", **settings).returncode == 0
    assert command("create_organization", "Acme", **settings).stdout == "acme\n"


@pytest.mark.production
def test_it_starts_while_the_database_is_away_and_says_so(service_settings: dict[str, str]) -> None:
    dead = service_settings | {"DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:9/none"}
    with ProxyServer(dead) as server:
        told = answer(server, "/readyz")
        assert told.status == 503
        checks = json.loads(told.read())["checks"]
        assert checks["database"]["state"] == "unavailable"
        assert checks["queue"] == {"state": "ok"}
        page = answer(server, "/accounts/login/", Host=urlsplit(dead["PUBLIC_URL"]).netloc, Cookie="sessionid=x")
        assert page.status == 503
        assert "does not answer" in page.read().decode()
        assert page.headers["Retry-After"]
        assert "The database cannot be used" in server.output
        assert "secret" not in server.output
        assert server.stop() == 0


@pytest.mark.slow
@pytest.mark.production
def test_several_processes_serve_one_port_and_stop_together(service_settings: dict[str, str]) -> None:
    with ProxyServer(service_settings, workers=2) as server:
        wait_until(lambda: server.output.count("Application startup complete") == 2, "two processes serve")
        assert server.stop() == 0
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", server.port)) != 0


@pytest.mark.production
def test_a_worker_starts_listens_to_our_queue_and_stops_in_order(service_settings: dict[str, str]) -> None:
    with Worker(service_settings) as worker:
        name = re.findall(r"celery@\S+(?= ready)", worker.output)[-1]
        # Questions go by Redis's publish and subscribe, which loses those that nobody hears at that moment.
        for question, expected in (("active_queues", '"name": "aipc"'), ("registered", "proxy.record_usage")):
            wait_until(lambda: expected in ask_worker(service_settings, question, name), question)  # noqa: B023
        assert worker.stop() == 0


def ask_worker(settings: dict[str, str], question: str, name: str) -> str:
    """The worker's answer as JSON, by the command of docker-compose.yml's health check. Asked by name, it does not wait
    for further workers.
    """
    line = [sys.executable, "-m", "celery", "-A", "config", "inspect", question, "-d", name, "--json", "--timeout", "5"]
    asked = subprocess.run(line, cwd=ROOT, env=environment() | settings, capture_output=True, text=True, check=False)
    return asked.stdout


@pytest.mark.production
def test_both_servers_are_private_to_the_run() -> None:
    assert IS_PRODUCTION
    assert os.environ["DATABASE_URL"] == os.environ["TEST_DATABASE_URL"]
    assert os.environ["REDIS_URL"].rpartition("/")[0] == os.environ["TEST_REDIS_URL"].rpartition("/")[0]


def test_no_test_reaches_beyond_this_machine() -> None:
    for reach in (
        lambda: socket.create_connection(("192.0.2.1", 80), 1),
        lambda: socket.getaddrinfo("example.com", 80),
    ):
        with pytest.raises(RuntimeError, match="Only this machine"):
            reach()


@pytest.mark.slow
def test_modules_of_the_working_directory_do_not_stand_for_ours(tmp_path: Path) -> None:
    """Celery would put it first, so that a service started from elsewhere imported what lies there."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import config.celery; print(sys.path)"
    seen = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True)
    assert str(tmp_path) not in seen
