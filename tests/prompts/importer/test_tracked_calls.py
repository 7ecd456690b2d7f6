"""Rewritten programs run as they are, and each makes a call that the ledger knows by prompt, version and tags."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from prompts.importer import Language, Target, rewrite
from scripts.hermetic import ROOT, environment
from tests.documentation.served import Account, Served
from tests.documentation.test_node_snippets import node_folder  # noqa: F401 - a fixture
from tests.processes import wait_until
from tests.prompts.importer import programs

KEYS = {"OPENAI_API_KEY": "sk-of-the-test", "ANTHROPIC_API_KEY": "sk-ant-of-the-test"}
VERSION = 3
# All programs in one process: importing the SDKs takes longer than the calls.
RUN_ALL = """
import json, sys
for name, code in json.load(sys.stdin).items():
    exec(compile(code, name, "exec"), {"__name__": "__main__"})
"""


@dataclass(frozen=True, slots=True)
class Booked:
    prompt_key: str
    version: int
    tags: list[str]
    provider: str
    is_streamed: bool
    status: int


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("imported"))
    running.start()
    yield running
    running.stop()


def rewritten(served: Served, sources: Mapping[str, str], language: Language) -> dict[str, str]:
    """Each program with its own prompt key."""

    def target(name: str) -> Target:
        return Target(public_url=served.server.url, prompt_key=name, feature_tags=("imported",), version=VERSION)

    return {name: rewrite(code, language, target(name)).code for name, code in sources.items()}


def run(account: Account, command: list[str], text: str = "", folder: Path = ROOT) -> str:
    variables = {**environment(), **KEYS, "AIPROMPTCOST_API_KEY": account.key, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, input=text, cwd=folder, env=variables, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def booked(account: Account, count: int) -> list[Booked]:
    """The account's records, once there are so many, in the order of the calls."""
    sql = (
        "SELECT prompt_key, version, tags, provider, is_streamed, status FROM analytics_usagerecord "
        "WHERE organization_id = ? ORDER BY started_at, id"
    )

    def records() -> list[Booked]:
        with closing(sqlite3.connect(account.served.folder / "db.sqlite3")) as database:
            rows = database.execute(sql, [account.organization_id]).fetchall()
        return [Booked(key, version, json.loads(tags), provider, bool(is_streamed), status)
                for key, version, tags, provider, is_streamed, status in rows]  # fmt: skip

    wait_until(lambda: len(records()) >= count, "the calls are in the ledger")
    return records()


def assert_tracked(account: Account, names: list[str], seen: int) -> None:
    """One call of each program reached the provider, with nothing of ours, and is booked with its labels."""
    exchanges = account.served.provider.log[seen:]
    records = booked(account, len(names))

    assert [(one.prompt_key, one.version, one.tags, one.status) for one in records] == [
        (name, VERSION, ["imported"], 200) for name in names
    ]
    assert [one.provider for one in records] == ["anthropic" if _is_anthropic(one) else "openai" for one in names]
    for exchange in exchanges:
        everything = repr(exchange.headers).encode() + exchange.body
        assert account.key.encode() not in everything
        assert b"aipromptcost" not in everything
        assert any(key.encode() in everything for key in KEYS.values())
    assert len(exchanges) == len(names)


def _is_anthropic(name: str) -> bool:
    return "anthropic" in name or name in ("httpx", "vercel-ai-sdk")


@pytest.mark.slow
def test_python_programs_make_tracked_calls(served: Served) -> None:
    account, seen = served.new_account(), len(served.provider.log)
    codes = rewritten(served, programs.PYTHON, "python")
    output = run(account, [sys.executable, "-c", RUN_ALL], json.dumps(codes))

    assert output.count("The answer depends") == len(codes) - 1
    assert_tracked(account, list(codes), seen)
    assert [one.prompt_key for one in booked(account, len(codes)) if one.is_streamed] == [
        "openai-stream",
        "anthropic-stream",
    ]


@pytest.mark.slow
def test_curl_makes_tracked_calls(served: Served) -> None:
    account, seen = served.new_account(), len(served.provider.log)
    codes = rewritten(served, programs.CURL, "bash")
    output = run(account, ["sh", "-e"], "\n".join(codes.values()))

    assert output.count("The answer depends") == len(codes)
    assert_tracked(account, list(codes), seen)


@pytest.mark.node
@pytest.mark.parametrize("name", programs.JAVASCRIPT)
def test_a_javascript_program_makes_a_tracked_call(served: Served, node_folder: Path, name: str) -> None:  # noqa: F811
    account, seen = served.new_account(), len(served.provider.log)
    (code,) = rewritten(served, {name: programs.JAVASCRIPT[name]}, "javascript").values()
    module = node_folder / f".{name}.mjs"
    module.write_text(code)
    try:
        output = run(account, ["node", os.fspath(module)], folder=node_folder)
    finally:
        module.unlink()

    assert "The answer depends" in output
    assert_tracked(account, [name], seen)


@pytest.mark.node
def test_typescript_programs_compile_strictly_and_make_tracked_calls(
    served: Served,
    node_folder: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    account, seen = served.new_account(), len(served.provider.log)
    codes = rewritten(served, programs.TYPESCRIPT, "typescript")
    (tmp_path / "node_modules").symlink_to(node_folder / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for name, code in codes.items():
        (tmp_path / f"{name}.ts").write_text(code)
    options = ["--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck", "--types", "node"]
    run(account, ["node_modules/.bin/tsc", *options, *(f"{name}.ts" for name in codes)], folder=tmp_path)
    for name in codes:
        assert run(account, ["node", f"{name}.js"], folder=tmp_path).strip()

    assert_tracked(account, ["typescript", *codes], seen)
