"""What the files of the repository promise each other: settings, commands, locks, containers, sizes."""

import ast
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import yaml

from config import env
from scripts.hermetic import ROOT
from tests.deployment.by_hand import filled_in

APPS = ("accounts", "analytics", "config", "orgs", "prompts", "proxy")
COMMANDS = ("help", "demo", "serve", "worker", "beat", "test", "test-all", "check", "fix", "lock", "bench")
LEVELS = ("run", "demo", "develop")
CLIENTS = ("clients-old", "clients-langchain")
OPTIONAL = ("observability", "clickhouse", "clickhouse-engine")
MOST_LINES = 350
MOST_LINES_OF_A_FUNCTION = 40
PURE = (
    "proxy/body.py",
    "proxy/sse.py",
    "analytics/usage.py",
    "analytics/pricing.py",
    "analytics/periods.py",
    "analytics/charts/bars.py",
    "analytics/charts/csv_text.py",
    "analytics/charts/scale.py",
    "analytics/charts/spark.py",
    "analytics/charts/stacked.py",
    "prompts/builder.py",
    "prompts/discretion.py",
    "prompts/folding.py",
    "prompts/snippets/in_go.py",
    "prompts/snippets/in_javascript.py",
    "prompts/snippets/in_python.py",
    "prompts/snippets/in_shell.py",
    "prompts/snippets/kinds.py",
    "prompts/snippets/literals.py",
    "prompts/snippets/sample.py",
    "orgs/keys.py",
)


def python_files() -> list[Path]:
    """Every Python file of the project but migrations, which Django writes."""
    folders = [ROOT / name for name in (*APPS, "tests", "scripts", "benchmarks")]
    files = [file for folder in folders if folder.is_dir() for file in folder.rglob("*.py")]
    return sorted(file for file in files if file.parent.name != "migrations")


# --- Settings ---------------------------------------------------------------------------------------------------------


def settings_read() -> dict[str, ast.Call]:
    """Variable name -> the call of config/settings.py that reads it with its default."""
    tree = ast.parse((ROOT / "config" / "settings.py").read_text())
    calls: dict[str, ast.Call] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("env.read_"):
            name = ast.literal_eval(node.args[0])
            if name not in calls or len(node.args) + len(node.keywords) > 1:
                calls[name] = node
    return calls


def example_lines() -> dict[str, str]:
    """Variable name -> the value in .env.example."""
    lines = [line for line in example_text().splitlines() if line and not line.startswith("#")]
    return {line.partition("=")[0]: line.partition("=")[2] for line in lines}


def example_text() -> str:
    return (ROOT / ".env.example").read_text()


def test_env_example_lists_every_setting_and_no_other() -> None:
    assert set(example_lines()) == set(settings_read())


def test_env_example_explains_every_setting_in_the_line_above() -> None:
    lines = example_text().splitlines()
    for number, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            assert lines[number - 1].startswith("# "), line


def test_env_example_shows_the_true_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every literal default of config/settings.py, as the reader itself gives it, is the value of the example."""
    compared = 0
    for name, call in settings_read().items():
        try:
            arguments = [_value_of(argument) for argument in call.args[1:]]
            keywords = {str(word.arg): _value_of(word.value) for word in call.keywords}
        except ValueError:
            continue  # computed from another setting: explained in words
        reader = getattr(env, ast.unparse(call.func).removeprefix("env."))
        monkeypatch.delenv(name, raising=False)
        default = reader(name, *arguments, **keywords)
        monkeypatch.setenv(name, example_lines()[name])
        assert reader(name, *arguments, **keywords) == default, name
        compared += 1
    assert compared > 15


def _value_of(node: ast.expr) -> object:
    """A literal, or a product of numbers; anything else is a ValueError."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _value_of(node.left), _value_of(node.right)
        assert isinstance(left, int)
        assert isinstance(right, int)
        return left * right
    return ast.literal_eval(node)


def test_no_other_file_of_the_service_reads_the_environment() -> None:
    allowed = {ROOT / name for name in ("config/env.py", "proxy/failpoints.py", "accounts/demo/environment.py")}
    # Those read and write code that does.
    allowed |= {*(ROOT / "prompts/importer").rglob("*.py"), ROOT / "prompts/snippets/in_python.py"}
    for file in python_files():
        if file.relative_to(ROOT).parts[0] in APPS and file not in allowed and "commands" not in file.parts:
            found = re.findall(
                r"os\.environ\b(?!\.setdefault\(\"DJANGO_SETTINGS_MODULE\")|os\.getenv", file.read_text()
            )
            assert not found, f"{file} reads the environment: settings belong into config/settings.py"


# --- Commands ---------------------------------------------------------------------------------------------------------


def test_make_alone_names_every_command() -> None:
    told = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for command in COMMANDS:
        assert re.search(rf"^make {command}\b", told, re.MULTILINE) or command == "help"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_makefile_has_the_command(command: str) -> None:
    asked = subprocess.run(["make", "--dry-run", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr


def test_the_makefile_needs_no_tool_that_some_systems_lack() -> None:
    files = [ROOT / "Makefile", *(ROOT / "scripts").glob("*.sh")]
    for file in files:
        assert not re.search(r"\b(setsid|timeout|flock|realpath|readlink -f)\b", file.read_text()), file


def run_with_env(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    with_env = ["sh", str(ROOT / "scripts" / "with_env.sh"), *command]
    return subprocess.run(with_env, cwd=folder, env=os.environ | variables, capture_output=True, text=True, check=False)


def test_an_env_file_is_taken_literally_and_the_environment_wins(tmp_path: Path) -> None:
    text = "# a comment\n\nFIRST=$HOME `id` a=b # c\nSECOND=\"two words\"\nTHIRD='3'\r\nGIVEN=file\nLAST=end"
    (tmp_path / ".env").write_text(text)
    show = 'printf "%s|" "$FIRST" "$SECOND" "$THIRD" "$GIVEN" "$LAST"'
    assert run_with_env(tmp_path, "sh", "-c", show, GIVEN="shell").stdout == "$HOME `id` a=b # c|two words|3|shell|end|"


def test_a_malformed_env_file_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("export A=1\n")
    answer = run_with_env(tmp_path, "true")
    assert answer.returncode == 1
    assert ".env" in answer.stderr


def test_without_an_env_file_the_command_just_runs(tmp_path: Path) -> None:
    assert run_with_env(tmp_path, "echo", "hello").stdout == "hello\n"


# --- Locks ------------------------------------------------------------------------------------------------------------


def pins(level: str) -> dict[str, str]:
    """Pinned name and version, with the marker -> its hashes, of one lock file."""
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements" / f"{level}.txt").read_text().strip())
    return {entry.split(" \\")[0]: entry for entry in entries if not entry.startswith("#")}


@pytest.mark.parametrize("level", [*LEVELS, *CLIENTS, *OPTIONAL])
def test_every_locked_package_has_hashes_and_none_names_a_registry(level: str) -> None:
    for name, entry in pins(level).items():
        assert re.match(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==", name), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), name
        assert "://" not in entry, name


@pytest.mark.parametrize("folder", ["tests/node", "tests/node/old"])
def test_every_locked_package_of_node_has_a_hash_and_none_names_a_registry(folder: str) -> None:
    text = (ROOT / folder / "package-lock.json").read_text()
    assert "://" not in text
    packages = json.loads(text)["packages"]
    assert all(package["integrity"].startswith("sha512-") for name, package in packages.items() if name)


def test_each_level_of_the_lock_holds_the_one_before() -> None:
    versions = [{re.split(r"[ ;]", name)[0] for name in pins(level)} for level in LEVELS]
    assert versions[0] < versions[1] < versions[2]
    optional = [{re.split(r"[ ;]", name)[0] for name in pins(level)} for level in ("observability", "clickhouse")]
    assert all(versions[0] < found < versions[2] for found in optional)
    assert not any(name.startswith("chdb") for found in versions for name in found)  # half a gigabyte


# --- Containers -------------------------------------------------------------------------------------------------------


def compose() -> dict[str, dict[str, dict[str, object]]]:
    parsed: dict[str, dict[str, dict[str, object]]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return parsed


def test_the_containers_are_the_documented_ones_and_report_their_health() -> None:
    services = compose()["services"]
    assert {"web", "worker", "beat", "postgres", "redis"} <= set(services)
    for name in ("web", "worker", "postgres", "redis"):
        assert "healthcheck" in services[name], name


def test_no_container_has_a_secret_of_its_own() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "PUBLIC_URL"):
        uses = re.findall(rf"\$\{{{name}[^}}]*\}}", text)
        assert uses, name
        assert any(use.startswith(f"${{{name}:?") for use in uses), name


def test_the_image_gets_all_that_the_service_runs_on_and_nothing_else() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    locks = {f"requirements/{name}.txt" for name in ("run", "observability")}
    assert let_in == {*APPS, *locks, "docs", "manage.py", "static", "templates"}


@pytest.mark.parametrize("chosen", ["", "run", "observability"])
def test_the_image_is_built_with_a_lock_that_it_gets(chosen: str) -> None:
    """And without a choice with that of what every installation needs."""
    told = cast("dict[str, dict[str, str]]", compose()["services"]["web"]["build"])["args"]["REQUIREMENTS"]
    lock = f"requirements/{filled_in(told, {'REQUIREMENTS': chosen})}.txt"
    image = (ROOT / "Dockerfile").read_text()

    assert lock in re.findall(r"^COPY (.*) /tmp/$", image, re.MULTILINE)[0].split()
    assert '-r "/tmp/$REQUIREMENTS.txt"' in image
    assert "ARG REQUIREMENTS=run" in image
    assert (lock == "requirements/run.txt") == (chosen in {"", "run"})


def test_the_journal_outlives_its_container() -> None:
    file = compose()
    web = file["services"]["web"]
    assert any(str(mount).startswith("journal:") for mount in _list(web["volumes"]))
    assert "journal" in file["volumes"]


def test_redis_keeps_its_data_and_evicts_nothing() -> None:
    command = str(compose()["services"]["redis"]["command"])
    assert "appendonly yes" in command
    assert "maxmemory-policy noeviction" in command


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


# --- Sizes and purity -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", python_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_has_one_subject_and_a_function_fits_a_screen(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    for name, lines in _functions(ast.parse(text)):
        assert lines <= MOST_LINES_OF_A_FUNCTION, f"{name} has {lines} lines"


def _functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name and lines of each function, its docstring not counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            yield node.name, (node.end_lineno or 0) - first.lineno + 1


@pytest.mark.parametrize("file", PURE)
def test_the_pure_core_asks_no_clock(file: str) -> None:
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"now", "today", "utcnow"}, f"{file}:{node.lineno}"
