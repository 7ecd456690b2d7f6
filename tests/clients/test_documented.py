"""The documentation's lists against what the comparison of both sides allows, and the table of clients against the
locks.
"""

import json
import re
from pathlib import Path

import pytest

from scripts.hermetic import ROOT
from tests.clients import differences
from tests.clients.environments import NODE, NODE_OLD, lock_file
from tests.clients.matrix import CLIENTS
from tests.documentation.pages import DOCS, HEADERS, rows

# They need nothing, and run where this folder's tests do: `make test` leaves the folder out.
pytestmark = pytest.mark.clients
FRAMEWORKS = DOCS / "frameworks.md"


def spans_under(page: Path, heading: str) -> set[str]:
    """What stands between backticks in one section."""
    text = page.read_text().partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"`([^`\n]+)`", text))


def test_what_is_not_sent_on_is_documented() -> None:
    told = spans_under(HEADERS, "## Sent to the provider")
    assert told >= differences.NOT_SENT_ON | {"accept-encoding", "content-length", "anthropic-version"}
    text = HEADERS.read_text()
    assert ", ".join(differences.READABLE_CODINGS) in text
    assert f"`{differences.DEFAULT_VERSION}`" in text


def test_what_is_not_sent_back_and_what_is_added_is_documented() -> None:
    told = {span.partition(":")[0] for span in spans_under(HEADERS, "## In the answer")}
    assert told >= differences.ABOUT_THE_HOST | differences.ADDED_TO_ANSWERS | {"content-encoding"}


# --- The table of clients ---------------------------------------------------------------------------------------------


def python_version(file: Path, package: str) -> str:
    found = re.search(rf"^{re.escape(package)}==(\S+)", file.read_text(), re.MULTILINE)
    assert found, f"{package} is not in {file}"
    return found[1]


def node_version(folder: Path, package: str) -> str:
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    return str(packages[f"node_modules/{package}"]["version"])


def locked() -> set[tuple[str, str]]:
    """Package and version of every client that the matrix runs."""
    current, old, langchain = ROOT / "requirements" / "develop.txt", lock_file("old"), lock_file("langchain")
    python = [(current, "openai"), (current, "anthropic"), (old, "openai"), (old, "anthropic")]
    python += [(langchain, "langchain-openai"), (langchain, "langchain-anthropic")]
    node = [(folder, package) for folder in (NODE, NODE_OLD) for package in ("openai", "@anthropic-ai/sdk")]
    node += [(NODE, "ai"), (NODE, "@ai-sdk/openai"), (NODE, "@ai-sdk/anthropic")]
    found = {(package, python_version(file, package)) for file, package in python}
    return found | {(package, node_version(folder, package)) for folder, package in node}


def test_the_table_of_clients_names_what_the_matrix_runs() -> None:
    table = rows(FRAMEWORKS, "## What is tested")
    named = {
        (package, version)
        for _, packages, *_ in table
        for package, version in re.findall(r"`(\S+)` (\d[\w.]*)", packages)
    }
    assert named == locked()
    assert len(table) == len({client.name.removesuffix("-old") for client in CLIENTS}) + 1  # curl and sockets
