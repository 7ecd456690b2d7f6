"""The documentation tells of what is there: links, files, commands, settings, errors, columns, log lines, prices."""

import ast
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ast_grep_py import SgRoot
from django.apps import apps
from django.core.management import get_commands, load_command_class

from accounts.onboarding.words import explain
from analytics.price_book import PriceBook
from analytics.pricing import price
from analytics.usage import TokenUsage
from proxy.providers import PROVIDERS
from proxy.providers.anthropic import routes as anthropic_routes
from proxy.providers.openai import routes as openai_routes
from scripts.hermetic import ROOT, setting_names
from tests.documentation.pages import (
    DOCS,
    ERRORS,
    HEADERS,
    PAGES,
    PROXY,
    STORED,
    Block,
    all_blocks,
    blocks,
    commands,
    name_of,
    prose,
    rows,
    spans,
)

ACCOUNTING_PAGE = ROOT / "docs" / "accounting.md"
OPERATIONS_PAGE = ROOT / "docs" / "operations.md"
APPS = ("accounts", "analytics", "orgs", "prompts", "proxy")
# Variables that are no settings of the service: the reader's own, and those of the tests (CONTRIBUTING.md).
OTHER_VARIABLES = {"AIPROMPTCOST_API_KEY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
OTHER_VARIABLES |= {
    f"{name}_{end}" for name in ("OPENAI", "ANTHROPIC") for end in ("BASE_URL", "API_KEY", "CUSTOM_HEADERS")
}
OTHER_VARIABLES |= {"TEST_DATABASE_URL", "TEST_REDIS_URL", "TEST_SERVERS"}

each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), target


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@each_page
def test_every_file_and_folder_named_exists(page: Path) -> None:
    for span in spans(page):
        if re.fullmatch(r"[\w./-]+\.(py|md|yml|toml|sh|txt|css|html)", span):
            beside = (ROOT / span, page.parent / span)
            assert any(path.exists() for path in beside) or ("/" not in span and is_somewhere(span)), span
        elif re.fullmatch(r"[a-z][\w-]*(/[\w-]+)*/", span) and not span.startswith("v1/"):
            assert (ROOT / span).is_dir(), span


def is_somewhere(name: str) -> bool:
    return any(next((ROOT / folder).rglob(name), None) for folder in (*APPS, "config", "tests"))


@each_page
def test_every_make_command_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = [span for span in spans(page) if span.startswith("make ")]
    named += [line for text in blocks(page, "bash") for line in text.splitlines() if line.startswith("make ")]
    for command in named:
        assert command.split()[1] in targets, command


@each_page
def test_every_management_command_takes_the_arguments_shown(page: Path) -> None:
    for arguments in commands(page):
        name, *rest = shlex.split(arguments)
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        parser.allow_abbrev = False
        parser.parse_args(rest)  # exits when they are wrong


@each_page
def test_every_variable_named_is_in_env_example(page: Path) -> None:
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", page.read_text()))
    assert named <= setting_names() | OTHER_VARIABLES


@each_page
def test_a_page_is_short_enough_to_be_read(page: Path) -> None:
    assert len(page.read_text().splitlines()) < 350


# --- Code blocks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", all_blocks(), ids=lambda found: f"{name_of(found.page)}-{found.number}")
def test_every_code_block_can_be_read_in_its_language(found: Block) -> None:
    assert found.language in READERS, "a block names its language"
    READERS[found.language](found.text)


def read_shell(text: str) -> None:
    subprocess.run(["sh", "-n"], input=text, text=True, check=True, capture_output=True, timeout=60)


def read_typescript(text: str) -> None:
    assert SgRoot(text, "typescript").root().find(kind="ERROR") is None


READERS: dict[str, Callable[[str], object]] = {
    "bash": read_shell,
    "ini": str,
    "js": read_typescript,
    "json": json.loads,
    "python": ast.parse,
    "text": str,
    "ts": read_typescript,
    "": str,  # drawings, in the files for developers
}


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=name_of)
def test_code_for_users_names_its_language(page: Path) -> None:
    assert page.stem == "architecture" or "" not in {found.language for found in all_blocks([page])}


# --- Headers and routes -----------------------------------------------------------------------------------------------


def test_every_header_of_ours_is_documented_and_no_other() -> None:
    source = "".join(file.read_text() for file in (ROOT / "proxy").rglob("*.py"))
    ours = set(re.findall(r"\bx-(?:aipc-[a-z]+(?:-[a-z]+)*|sandbox|provider-key|should-retry)\b", source))
    assert len(ours) >= 10
    listed = [*rows(HEADERS, "## Sent by you"), *rows(HEADERS, "## In the answer")]
    assert ours == headers_in("".join(cell for cell, _ in listed))
    for page in PAGES:
        assert {name for name in headers_in(page.read_text()) if name.startswith("x-aipc")} <= ours, page


def headers_in(text: str) -> set[str]:
    names = re.findall(r"\bx-(?:aipc-[a-z]+(?:-[a-z]+)*|sandbox|provider-key|should-retry)\b", text, re.IGNORECASE)
    return {name.lower() for name in names}


TABLES = {"openai": openai_routes.TABLE, "anthropic": anthropic_routes.TABLE}


@pytest.mark.parametrize(("provider", "heading"), [("openai", "### OpenAI"), ("anthropic", "### Anthropic")])
def test_the_table_of_routes_is_the_codes(provider: str, heading: str) -> None:
    """Both ways: every POST and every GET that is read stands in one row, and every row is about some of them."""
    told = {
        tuple(span.split()): row[1] for row in rows(PROXY, heading) for span in re.findall(r"`([A-Z]+ [^`]+)`", row[0])
    }
    known = {("POST", name): route for name, route in TABLES[provider].posts.items()}
    known |= {("GET", name): route for name, route in TABLES[provider].gets.items()}
    used = set()
    for (method, name), route in known.items():
        row = documented_as(method, name, set(told))
        assert row is not None, (method, name)
        assert told[row] == route.metering, (method, name)
        used.add(row)
    assert set(told) - used == set()


def documented_as(method: str, name: str, told: set[tuple[str, ...]]) -> tuple[str, ...] | None:
    """The row that names this route, else that of the narrowest family that it belongs to."""
    if (method, name) in told:
        return method, name
    parts = name.removesuffix("/*").split("/")
    families = [(method, "/".join([*parts[:length], "*"])) for length in range(len(parts), 0, -1)]
    return next((family for family in families if family in told), None)


def test_the_sandboxs_routes_are_named() -> None:
    simulated = {f"POST {name}/{route.split()[1]}" for name, one in PROVIDERS.items() for route in one.simulated}
    (sentence,) = re.findall(r"The \[sandbox\][^.]*\.md\) answers([^.]*)\.", PROXY.read_text())
    assert set(re.findall(r"`([^`]+)`", sentence)) == simulated


# --- Errors -----------------------------------------------------------------------------------------------------------


def calls_in(app: str) -> Iterator[ast.Call]:
    for file in sorted((ROOT / app).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                yield node


def refusals() -> dict[str, tuple[int, bool]]:
    """Code -> (status, whether a retry can help) of every `Refusal` in the source."""
    found: dict[str, tuple[int, bool]] = {}
    for call in calls_in("proxy"):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name == "unavailable":
            found[ast.literal_eval(call.args[0])] = (503, True)
        # A name in place of the code: in `unavailable` itself.
        elif name in {"Refusal", "NotAdmitted"} and not isinstance(call.args[1], ast.Name):
            retryable = any(word.arg == "retryable" and ast.literal_eval(word.value) for word in call.keywords)
            found[ast.literal_eval(call.args[1])] = (ast.literal_eval(call.args[0]), retryable)
    return found


def codes_in_headers() -> set[str]:
    """Codes that stand beside the name of the header in the source, as a pair or in a dictionary."""
    source = "".join(file.read_text() for file in (ROOT / "proxy").rglob("*.py"))
    return set(re.findall(r"""["']x-aipc-error["'][,:] b?["'](\w+)["']""", source))


def test_every_error_of_ours_is_documented_with_its_status_and_no_other() -> None:
    documented = {
        code.strip("`"): (int(status[:3]), status.endswith(", retry")) for code, status, _ in rows_of_errors()
    }
    assert codes_in_headers() == {"provider_key_rejected", "proxy_not_served"}
    assert documented == refusals() | {"provider_key_rejected": (502, False), "proxy_not_served": (501, False)}


def test_every_error_of_ours_has_words_in_the_guide() -> None:
    for code, *_ in rows_of_errors():
        explanation = explain(code=code.strip("`"), status=0, provider="openai")
        assert "(" not in explanation.title, code


def rows_of_errors() -> list[list[str]]:
    return rows(ERRORS, "## All codes")


def test_every_error_code_of_a_record_is_documented() -> None:
    codes = {"interrupted", "upstream_broken", "upstream_timeout"}
    for call in calls_in("proxy"):
        given = [word.value for word in call.keywords if word.arg == "error_code"]
        codes |= {ast.literal_eval(value) for value in given if is_text(value)}
        if isinstance(call.func, ast.Attribute) and call.func.attr == "give_up" and is_text(call.args[0]):
            codes.add(ast.literal_eval(call.args[0]))
    assert {"client_disconnected", "client_stalled", "server_shutdown"} <= codes
    assert codes <= set(spans(STORED))


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


# --- What is stored ---------------------------------------------------------------------------------------------------


def columns_in(cell: str) -> set[str]:
    """The names in a table cell; "`b00` to `b27`" stands for all of them."""
    found = set(re.findall(r"`(\w+)`", cell))
    for first, last in re.findall(r"`(\w+\d\d)` to `(\w+\d\d)`", cell):
        found |= {f"{first[:-2]}{number:02}" for number in range(int(first[-2:]), int(last[-2:]) + 1)}
    return found


def documented_columns() -> dict[str, set[str]]:
    record = rows(STORED, "## The usage record: `analytics_usagerecord`")
    tables = {"analytics_usagerecord": set().union(*(columns_in(cell) for cell, _ in record))}
    for table, cell in rows(STORED, "## The other tables"):
        tables[table.strip("`")] = columns_in(cell)
    for columns in tables.values():  # "the columns of `table`, and ..."
        for like in columns & tables.keys():
            columns.remove(like)
            columns |= tables[like]
    return tables


def test_every_column_of_ours_is_documented_and_no_other() -> None:
    stored = {
        model._meta.db_table: {field.column for field in model._meta.concrete_fields}
        for model in apps.get_models()
        if model._meta.app_label in APPS
    }
    assert documented_columns() == stored


# --- Operations -------------------------------------------------------------------------------------------------------


def test_the_log_lines_to_watch_are_those_of_the_source() -> None:
    source = "".join(file.read_text() for app in (*APPS, "config") for file in (ROOT / app).rglob("*.py"))
    lines = [cell.strip("`") for cell, *_ in rows(OPERATIONS_PAGE, "## What to watch")]
    assert len(lines) > 5
    for line in lines:
        for part in line.split("..."):
            assert part.strip() in source, line


# --- Prices -----------------------------------------------------------------------------------------------------------

EXAMPLES = (
    ("openai", "gpt-5-nano", TokenUsage(input=466, cache_read=1024, output=58)),
    ("anthropic", "claude-sonnet-4-6", TokenUsage(input=531, cache_read=2120, output=342)),
    (
        "anthropic",
        "claude-opus-4-8",
        TokenUsage(input=100, output=10, web_searches=1, speed="fast", inference_geo="us"),
    ),
    ("openai", "gpt-5.5", TokenUsage(input=272_001, output=10)),
    ("openai", "gpt-image-1.5", TokenUsage(input=20, input_image=300, output_image=1000)),
    ("openai", "whisper-1", TokenUsage(audio_ms=90_000)),
    ("openai", "tts-1", TokenUsage(characters=4096)),
)


@pytest.mark.parametrize(("provider", "model", "usage"), EXAMPLES)
def test_the_worked_examples_cost_what_the_page_says(provider: str, model: str, usage: TokenUsage) -> None:
    rates = PriceBook(1).find_rates(provider, model, datetime(2026, 11, 20, tzinfo=UTC), usage, 1)
    cost = price(usage, rates, model)
    (told,) = [amount for call, _, amount in rows(ACCOUNTING_PAGE, "## Worked examples") if f"`{model}`" in call]
    assert cost.pico_usd is not None
    assert told == f"${cost.pico_usd / 10**12:.12f}".rstrip("0")
    assert cost.status == "priced"
