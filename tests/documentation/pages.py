"""Reading our own documentation: its pages, and what stands in their code blocks, code spans and tables."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.hermetic import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"
PROXY = DOCS / "proxy.md"
ERRORS = DOCS / "errors.md"
HEADERS = DOCS / "headers.md"
METADATA = DOCS / "metadata.md"
STORED = DOCS / "stored-data.md"
SDK_PAGES = {"openai": DOCS / "openai.md", "anthropic": DOCS / "anthropic.md"}
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks in this language, in order."""
    return [text for found, text in _FENCED.findall(page.read_text()) if found == language]


def block(page: Path, language: str, mark: str) -> str:
    """The one block that holds this text."""
    (found,) = [text for text in blocks(page, language) if mark in text]
    return found


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCED.sub("", page.read_text())


def spans(page: Path) -> list[str]:
    """What stands between backticks."""
    return _SPAN.findall(prose(page))


def rows(page: Path, heading: str, nth: int = 1) -> list[list[str]]:
    """The cells of the first table under a heading, or of the nth, without its head."""
    _, _, text = f"\n{page.read_text()}".partition(f"\n{heading}\n")
    assert text, f"{page} has no {heading}"
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert len(tables) >= nth, f"no table under {heading} in {page}"
    lines = tables[nth - 1].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def commands(page: Path) -> list[str]:
    """The ARGS of every `make manage` on the page."""
    return re.findall(r'make manage ARGS="([^"]+)"', page.read_text())


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page; `number` counts from 1."""

    page: Path
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.stem}-{self.number}-{self.language or 'plain'}"

    @property
    def provider(self) -> str:
        """Whom it sends a proxied call to, "" for none."""
        found = re.search(r"/api/proxy/v1/(openai|anthropic)", self.text)
        return found[1] if found else ""

    @property
    def is_simulated(self) -> bool:
        return "X-Sandbox" in self.text

    @property
    def packages(self) -> set[str]:
        """What it imports."""
        pattern = r"^(?:from|import) (\w+)" if self.language == "python" else r'from "([^"]+)"'
        return set(re.findall(pattern, self.text, re.MULTILINE))


def all_blocks(pages: Iterable[Path] = PAGES) -> list[Block]:
    return [
        Block(page, number, language, text)
        for page in pages
        for number, (language, text) in enumerate(_FENCED.findall(page.read_text()), 1)
    ]
