"""The builder's and the onboarding's JavaScript, TypeScript and Go, run through a served proxy.

Types are checked by TypeScript's compiler. Go is compiled and run where a toolchain is found. Where none is, its tests
say so in their names and are no more than what `test_builder_programs.py` does everywhere: a parse by tree-sitter
without an error.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from ast_grep_py import SgRoot

from prompts import snippets
from scripts.hermetic import environment
from tests.documentation.served import Account, Served
from tests.documentation.test_node_snippets import node_folder  # noqa: F401 - a fixture
from tests.prompts.programs import MODELS, Program, keys_of, programs_in
from tests.prompts.test_builder_programs import assert_sent

pytestmark = pytest.mark.node

GO = shutil.which("go")
OPTIONS = {
    "strict": True,
    "target": "es2022",
    "lib": ["es2022"],
    "module": "nodenext",
    "types": ["node"],
    "skipLibCheck": True,
    "outDir": "made",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("compiled"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def account(served: Served) -> Account:
    return served.new_account()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, node_folder: Path) -> Path:  # noqa: F811
    """An empty one, from which the packages are found."""
    made = tmp_path_factory.mktemp("node")
    (made / "node_modules").symlink_to(node_folder / "node_modules")
    return made


@pytest.fixture(scope="module")
def compiled(folder: Path, account: Account) -> Path:
    """All of the TypeScript, checked and made JavaScript at once."""
    for program in programs_in("typescript"):
        (folder / f"{program.name}.mts").write_text(program.source(account.served.server.url, account.key))
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "include": ["*.mts"]}))
    done = run(["node_modules/.bin/tsc", "-p", "."], folder)
    assert done.returncode == 0, done.stdout
    return folder / "made"


def run(command: Sequence[str], cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    together = {**environment(), **variables}
    return subprocess.run(command, cwd=cwd, env=together, capture_output=True, text=True, timeout=240)


def assert_works(program: Program, command: Sequence[str], cwd: Path, account: Account, **variables: str) -> None:
    """It reaches the provider as it was set, prints the answer, and is booked under its labels."""
    seen = len(account.served.provider.log)
    done = run(command, cwd, **keys_of(program, account.key), **variables)
    assert done.returncode == 0, done.stderr
    (exchange,) = account.served.provider.log[seen:]
    assert_sent(exchange, program)
    assert done.stdout.startswith("The answer depends")
    assert done.stdout.endswith("\n")


@pytest.mark.parametrize("program", programs_in("javascript"), ids=lambda program: program.name)
def test_javascript_runs(folder: Path, account: Account, program: Program) -> None:
    file = folder / f"{program.name}.mjs"
    file.write_text(program.source(account.served.server.url, account.key))

    assert_works(program, ["node", file.name], folder, account)


@pytest.mark.parametrize("program", programs_in("typescript"), ids=lambda program: program.name)
def test_typescript_compiles_and_runs(compiled: Path, account: Account, program: Program) -> None:
    assert_works(program, ["node", f"{program.name}.mjs"], compiled, account)


def test_typescript_compiles_with_nothing_but_a_model(folder: Path) -> None:
    """And with placeholders where the keys belong."""
    bare = folder / "bare"
    bare.mkdir()
    for program in programs_in("typescript"):
        sample = snippets.Sample(
            public_url="https://costs.example",
            provider=program.provider,
            model=MODELS[program.provider],
            stream=program.is_stream,
        )
        (bare / f"{program.name}.mts").write_text(snippets.render(program.kind.id, sample))
    (bare / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "include": ["*.mts"]}))
    done = run(["../node_modules/.bin/tsc", "-p", "."], bare)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "program",
    programs_in("go"),
    ids=lambda program: f"{program.name}-{'compiled' if GO else 'only-parsed-as-no-go-toolchain-is-found'}",
)
def test_go(tmp_path: Path, account: Account, program: Program) -> None:
    source = program.source(account.served.server.url, account.key)
    assert not SgRoot(source, "go").root().find_all(kind="ERROR")
    if GO is None:
        return
    (tmp_path / "go.mod").write_text("module example\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(source + "\n")
    cache = os.environ.get("GOCACHE") or str(tmp_path.parent / "go-cache")
    offline = {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOCACHE": cache, "HOME": str(tmp_path)}
    vetted = run([GO, "vet", "."], tmp_path, **offline)
    assert vetted.returncode == 0, vetted.stderr

    assert_works(program, [GO, "run", "."], tmp_path, account, **offline)
