"""Settings that would open the service to strangers, or tell a secret, stop it from starting."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.hermetic import ROOT, environment

PRODUCTION = {
    "DATABASE_URL": "postgresql://check@127.0.0.1:9/check",
    "REDIS_URL": "redis://127.0.0.1:9/0",
    "PUBLIC_URL": "https://example.com",
    "SECRET_KEY": "of-these-tests-" * 4,
}


def check(folder: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    """The exit code of `manage.py check`, and everything it wrote."""
    ran = subprocess.run(
        [sys.executable, "manage.py", "check", *arguments],
        cwd=ROOT,
        env={**environment(), "DATA_DIR": str(folder), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_the_production_settings_pass_djangos_deployment_check(tmp_path: Path) -> None:
    code, said = check(tmp_path, "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert code == 0, said
    assert "no issues (0 silenced)" in said


@pytest.mark.parametrize("production", [True, False])
@pytest.mark.parametrize("address", ["https://example.com", "http://10.0.0.7:8000"])
def test_debug_pages_are_for_this_machine_only(tmp_path: Path, address: str, production: bool) -> None:
    settings = {**(PRODUCTION if production else {}), "PUBLIC_URL": address, "DEBUG": "true"}

    code, said = check(tmp_path, **settings)

    assert code != 0
    assert "set DEBUG=false" in said


def test_a_developer_may_have_them(tmp_path: Path) -> None:
    assert check(tmp_path, **{**PRODUCTION, "PUBLIC_URL": "http://localhost:8000", "DEBUG": "true"})[0] == 0


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "postgresql://aipc:hunter/2hunter@127.0.0.1/aipc"),
        ("DATABASE_URL", "hunter2hunter"),
        ("REDIS_URL", "redis://:hunter/2hunter@127.0.0.1:9/0"),
        ("REDIS_URL", "hunter2hunter"),
        ("EMAIL_URL", "smtp://mail:hunter/2hunter@mail.example.com:25"),
        ("OPENAI_UPSTREAM_URL", "https://aipc:hunter2@api.example.com/?v=1"),
    ],
)
def test_a_bad_address_is_named_without_its_password(tmp_path: Path, name: str, url: str) -> None:
    code, said = check(tmp_path, **{**PRODUCTION, name: url})

    assert code != 0
    assert name in said.splitlines()[-1]
    assert "hunter" not in said
