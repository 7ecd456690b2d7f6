"""Markdown to HTML. The files are read in the repository too, so links and the example address are fitted here.

Raw HTML in a file is shown, not obeyed.
"""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from prompts.documentation.page import Heading, Page, Section, anchor_of
from prompts.templatetags.code import highlight

# What the files write where a reader's own address belongs.
EXAMPLE_URL = "http://127.0.0.1:8000"
_LEVELS = {"h2": 2, "h3": 3}
_NAME = re.compile(r"[a-z][\w-]{2,}")
_LABELS = {
    "bash": "Shell",
    "js": "JavaScript",
    "json": "JSON",
    "python": "Python",
    "text": "Text",
    "ts": "TypeScript",
    "ini": "nginx",
}


def render_file(file: Path, public_url: str, slugs: Collection[str]) -> Page:
    """Rendered once for each state of the file. Links to other files than those of `slugs` keep only their words."""
    return _render_file(file, file.stat().st_mtime_ns, public_url, tuple(slugs))


def render_text(text: str) -> str:
    """A few paragraphs without headings: descriptions in the schema."""
    markdown = _markdown()
    tokens = markdown.parse(text)
    for token in tokens:
        _fit_links(token.children or [], ())
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")


@lru_cache(maxsize=128)
def _render_file(file: Path, _changed_at: int, public_url: str, slugs: Collection[str]) -> Page:
    markdown = _markdown()
    tokens = markdown.parse(file.read_text().replace(EXAMPLE_URL, public_url))
    title, headings = file.stem, []
    for at, opening in enumerate(tokens):
        if opening.type != "heading_open":
            continue
        content, closing = tokens[at + 1], tokens[at + 2]
        text = _plain(content)
        opening.attrSet("id", anchor_of(text))
        if opening.tag == "h1":
            title = text
        elif opening.tag in _LEVELS:
            headings.append(Heading(anchor_of(text), text, _LEVELS[opening.tag]))
            closing.meta["heading"] = headings[-1]
    _name_rows(tokens, {heading.id for heading in headings})
    sections = tuple(_read_sections(tokens))
    for token in tokens:
        _fit_links(token.children or [], slugs, public_url)
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Page(file.stem, title, tuple(headings), str(html), sections)


def _name_rows(tokens: Sequence[Token], taken: set[str]) -> None:
    """A row that begins with nothing but a name in code can be linked to by it: an error's code, a header."""
    for row, cell, content in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (row.type, cell.type) != ("tr_open", "td_open") or len(content.children or []) != 1:
            continue
        name = anchor_of(content.content.strip("`").partition(":")[0].lower())
        if content.content.startswith("`") and _NAME.fullmatch(name) and name not in taken:
            row.attrSet("id", name)
            taken.add(name)


def _read_sections(tokens: Sequence[Token]) -> list[Section]:
    """The words under each heading, code and tables included."""
    found, heading, words, rows = [], Heading("", ""), list[str](), list[str]()
    for at, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag in _LEVELS:
            found.append(Section(heading.id, heading.text, " ".join(words), tuple(rows)))
            heading, words, rows = tokens[at + 2].meta["heading"], [], []
        elif token.type == "tr_open" and token.attrGet("id"):
            rows.append(str(token.attrGet("id")))
        elif token.type == "fence" or (token.type == "inline" and tokens[at - 1].type != "heading_open"):
            words += (token.content if token.type == "fence" else _plain(token)).split()
    return [*found, Section(heading.id, heading.text, " ".join(words), tuple(rows))]


def _plain(inline: Token) -> str:
    kinds = {"text": None, "code_inline": None, "softbreak": " "}
    return "".join(kinds[child.type] or child.content for child in inline.children or [] if child.type in kinds)


def _fit_links(children: Sequence[Token], slugs: Collection[str], public_url: str = "") -> None:
    """`name.md#part` becomes the address of that page; links to files that are not shown keep only their text."""
    is_dropped = False
    for token in children:
        if token.type == "link_close" and is_dropped:
            token.hidden, is_dropped = True, False
        if token.type != "link_open":
            continue
        address = str(token.attrGet("href") or "")
        if public_url and address.startswith(f"{public_url}/"):
            token.attrSet("href", address.removeprefix(public_url))
            continue
        target, _, fragment = address.partition("#")
        if not target or "://" in target or target.startswith("/"):
            continue
        slug = target.removesuffix(".md")
        if slug in slugs:
            token.attrSet("href", f"/docs/{slug}/" + (f"#{fragment}" if fragment else ""))
        else:
            token.hidden = is_dropped = True


class _Renderer(RendererHTML):
    """Code blocks as in `components/_code.html`, tables in a frame that scrolls, links beside headings."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        language = tokens[idx].info.split(" ")[0]
        return code_block(f"code-{idx}", tokens[idx].content, language, f"Code example {idx}")

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        tag, heading = tokens[idx].tag, tokens[idx].meta.get("heading")
        return (heading_link(heading) if heading else "") + f"</{tag}>\n"

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<div class="table-frame" role="region" aria-label="Table {idx}" tabindex="0"><table>\n'

    def table_close(self, *_arguments: Any) -> str:
        return "</table></div>\n"

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "" if tokens[idx].hidden else str(self.renderToken(tokens, idx, options, env))

    link_close = link_open


def heading_link(heading: Heading) -> str:
    """Stands behind a heading's words; static/js/docs.js copies the address on a click."""
    return f' <a class="anchor" href="#{heading.id}" aria-label="Link to {escape(heading.text)}">#</a>'


def code_block(code_id: str, source: str, language: str, label: str) -> str:
    return (
        f'<div class="code"><div class="code-head"><span>{escape(_LABELS.get(language, language) or "Text")}</span>'
        f'<button class="button button-quiet button-small copy" type="button" data-copy="#{code_id}">Copy'
        f'<span class="sr-only"> code</span></button></div>'
        f'<pre tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<code id="{code_id}">{highlight(source, language)}</code></pre></div>\n'
    )
