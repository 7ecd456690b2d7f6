"""The documentation for users: files of `docs/`, rendered for our pages. Nothing else of that folder is shown.

The files are written to be read in the repository too, so links and the example address are fitted here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from prompts.templatetags.code import highlight

# In the order of reading. Each is `docs/<slug>.md`.
SLUGS = (
    "getting-started",
    "proxy",
    "organization",
    "dashboard",
    "comparing-versions",
    "requests",
    "accounting",
    "api",
    "troubleshooting",
)
# What the files write where a reader's own address belongs.
EXAMPLE_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Heading:
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    slug: str
    title: str
    sections: tuple[Heading, ...]
    html: str  # safe: raw HTML in the files is escaped


class NoSuchPage(LookupError):
    """The documentation for users has no page of that name."""


def read_all(folder: Path, public_url: str) -> list[Page]:
    """In the order of reading."""
    return [get_page(folder, slug, public_url) for slug in SLUGS if (folder / f"{slug}.md").is_file()]


def get_page(folder: Path, slug: str, public_url: str) -> Page:
    """Raises `NoSuchPage`. Rendered once for each state of the file."""
    file = folder / f"{slug}.md"
    if slug not in SLUGS or not file.is_file():
        raise NoSuchPage(slug)
    return _render(file, file.stat().st_mtime_ns, public_url)


@lru_cache(maxsize=64)
def _render(file: Path, _changed_at: int, public_url: str) -> Page:
    markdown = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")
    tokens = markdown.parse(file.read_text().replace(EXAMPLE_URL, public_url))
    title, sections = file.stem, []
    for opening, content in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        text = _plain(content)
        opening.attrSet("id", _anchor(text))
        if opening.tag == "h1":
            title = text
        elif opening.tag == "h2":
            sections.append(Heading(_anchor(text), text))
    for token in tokens:
        _fit_links(token.children or [])
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Page(file.stem, title, tuple(sections), str(html))


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or [] if child.type in {"text", "code_inline"})


def _anchor(text: str) -> str:
    """As GitHub makes them, so that links between the files work in both places."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def _fit_links(children: Sequence[Token]) -> None:
    """`name.md#part` becomes the address of that page; links to files that are not shown keep only their text."""
    is_dropped = False
    for token in children:
        if token.type == "link_close" and is_dropped:
            token.hidden, is_dropped = True, False
        if token.type != "link_open":
            continue
        target, _, fragment = str(token.attrGet("href") or "").partition("#")
        if not target.endswith(".md") or "://" in target:
            continue
        slug = target.removesuffix(".md")
        if slug in SLUGS:
            token.attrSet("href", f"/docs/{slug}/" + (f"#{fragment}" if fragment else ""))
        else:
            token.hidden = is_dropped = True


class _Renderer(RendererHTML):
    """Code blocks as in `components/_code.html`, tables in a frame that scrolls, hidden links left out."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        language = tokens[idx].info.split(" ")[0]
        code_id = f"code-{idx}"
        return (
            f'<div class="code"><div class="code-head"><span>{escape(language or "text")}</span>'
            f'<button class="button button-quiet button-small copy" type="button" data-copy="#{code_id}">Copy'
            f'<span class="sr-only"> code</span></button></div>'
            f'<pre tabindex="0" role="region" aria-label="Code example {idx}">'
            f'<code id="{code_id}">{highlight(tokens[idx].content, language)}</code></pre></div>\n'
        )

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<div class="table-frame" role="region" aria-label="Table {idx}" tabindex="0"><table>\n'

    def table_close(self, *_arguments: Any) -> str:
        return "</table></div>\n"

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "" if tokens[idx].hidden else str(self.renderToken(tokens, idx, options, env))

    link_close = link_open
