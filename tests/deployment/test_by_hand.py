"""Deployment as the files tell it: the commands of docker-compose.yml run by hand, the units of systemd the same."""

import configparser
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from scripts.hermetic import ROOT, environment
from tests.deployment.by_hand import SERVICES, ComposeProcess, filled_in
from tests.fake_provider import FakeProvider
from tests.proxy.calls import CHAT, Caller, chat
from tests.servers import PostgreSQL, Redis, wait_until

OURS = ("web", "worker", "beat")
GIVEN = {"POSTGRES_PASSWORD": "p", "REDIS_PASSWORD": "r", "SECRET_KEY": "s" * 50, "PUBLIC_URL": "http://127.0.0.1:8000"}


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[dict[str, str]]:
    with PostgreSQL() as postgres, Redis() as redis, FakeProvider() as provider:
        yield {
            **{name: filled_in(text, GIVEN) for name, text in SERVICES["web"]["environment"].items()},
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "DATA_DIR": str(tmp_path),
            "JOURNAL_DIR": str(tmp_path / "journal"),
            "OPENAI_UPSTREAM_URL": provider.openai_url,
        }


def manage(settings: dict[str, str], *arguments: str) -> str:
    line = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(line, cwd=ROOT, env=environment() | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.production
def test_the_commands_of_the_compose_file_make_a_service_that_posts_a_call(settings: dict[str, str]) -> None:
    with ExitStack() as stack:
        processes = {name: stack.enter_context(ComposeProcess(name, settings, GIVEN)) for name in OURS}
        manage(settings, "create_organization", "Acme", "--owner", "you@example.com")
        key = manage(settings, "create_api_key", "--org", "acme", "--team", "backend").strip().split()[-1]
        assert Caller(processes["web"].port, key).post(CHAT, chat()).status == 200
        with psycopg.connect(settings["DATABASE_URL"], autocommit=True) as line:

            def posted() -> list[tuple[str, int]]:
                return line.execute("SELECT cost_status, cost_pico_usd FROM analytics_usagerecord").fetchall()

            wait_until(lambda: bool(posted()), "the call is in the ledger")
            assert [status for status, _ in posted()] == ["priced"]
        for process in processes.values():
            assert process.stop(60) in {0, -15}, process.output[-2000:]
            assert "Traceback" not in process.output


@pytest.mark.trial
@pytest.mark.parametrize("missing", GIVEN)
def test_without_a_secret_or_address_docker_compose_starts_nothing(missing: str) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    with pytest.raises(LookupError, match=missing):
        filled_in(text, {name: value for name, value in GIVEN.items() if name != missing})


@pytest.mark.trial
@pytest.mark.parametrize("name", OURS)
def test_the_units_of_systemd_run_the_commands_of_the_compose_file(name: str) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy" / "systemd" / f"ai-prompt-cost-{name}.service")
    service = unit["Service"]
    python, *rest = shlex.split(service["ExecStart"])
    assert python == "/opt/ai-prompt-cost/.venv/bin/python"
    command = [filled_in(part, GIVEN).replace("0.0.0.0", "127.0.0.1") for part in SERVICES[name]["command"][1:]]
    assert rest == command
    grace = SERVICES[name].get("stop_grace_period")
    assert service.get("TimeoutStopSec") == (grace.removesuffix("s") if grace else None)
    assert service["EnvironmentFile"] == f"{service['WorkingDirectory']}/.env", "which `make manage` reads"
    folders = [SERVICES[name]["environment"][key] for key in ("DATA_DIR", "JOURNAL_DIR")]
    page = (ROOT / "docs" / "deployment.md").read_text()
    assert all(f"_DIR={folder}`" in page for folder in folders)
    assert folders[0] == f"/var/lib/{service['StateDirectory']}"


@pytest.mark.slow
@pytest.mark.trial
@pytest.mark.parametrize("name", OURS)
def test_systemd_understands_every_line_of_the_units(name: str, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("NOT TESTED: the units of systemd, which is not installed (.ci/run installs it)")
    text = (ROOT / "deploy" / "systemd" / f"ai-prompt-cost-{name}.service").read_text()
    unit, python = tmp_path / f"ai-prompt-cost-{name}.service", tmp_path / "python"
    python.symlink_to(sys.executable)  # whose path may have spaces

    def complaints(text: str) -> str:
        unit.write_text(text.replace("/opt/ai-prompt-cost/.venv/bin/python", str(python)))
        done = subprocess.run([program, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    assert complaints(text) == ""
    assert "NewPrivileges" in complaints(text.replace("NoNewPrivileges=", "NewPrivileges="))
