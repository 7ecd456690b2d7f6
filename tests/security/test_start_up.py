"""Settings that would open the service to strangers, or tell a secret, stop it from starting."""

import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import databases
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


@pytest.mark.parametrize(("address", "production"), [("https://example.com", True), ("http://10.0.0.7:8000", False)])
def test_debug_pages_are_for_this_machine_only(tmp_path: Path, address: str, production: bool) -> None:
    settings = {**(PRODUCTION if production else {}), "PUBLIC_URL": address, "DEBUG": "true"}

    code, said = check(tmp_path, **settings)

    assert code != 0
    assert "set DEBUG=false" in said


@pytest.mark.slow
def test_a_developer_may_have_them(tmp_path: Path) -> None:
    assert check(tmp_path, **{**PRODUCTION, "PUBLIC_URL": "http://localhost:8000", "DEBUG": "true"})[0] == 0


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "postgresql://aipc:hunter/2hunter@127.0.0.1/aipc"),
        ("OPENAI_UPSTREAM_URL", "https://aipc:hunter2@api.example.com/?v=1"),
    ],
)
def test_a_bad_address_is_named_without_its_password(tmp_path: Path, name: str, url: str) -> None:
    code, said = check(tmp_path, **{**PRODUCTION, name: url})

    assert code != 0
    assert name in said.splitlines()[-1]
    assert "hunter" not in said


@pytest.mark.parametrize("url", ["postgresql://aipc:hunter/2@127.0.0.1/aipc", "mysql://aipc:hunter2@a/b", "hunter2"])
def test_no_parsers_words_quote_a_database(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        databases.postgresql(url, 5)
    assert "hunter" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["redis://:hunter/2@127.0.0.1:9/0", "http://:hunter2@a:9/0", "hunter2"])
def test_no_parsers_words_quote_a_redis(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        databases.check_redis(url)
    assert "hunter" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["", "redis://a", "rediss://:x@a:1/2", "unix:///run/redis.sock?db=1"])
def test_usual_addresses_of_redis_are_taken(url: str) -> None:
    databases.check_redis(url)
