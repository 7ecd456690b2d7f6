"""Markdown to pages, the search over their sections, and the reference read out of a schema."""

import json
import os
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from prompts import documentation
from prompts.documentation import Page, Section, reference, search
from prompts.templatetags.code import highlight
from scripts.hermetic import ROOT

pytestmark = pytest.mark.trial

URL = "https://costs.example.com"


def render(folder: Path, text: str) -> Page:
    (folder / "proxy.md").write_text(text)
    return documentation.get_page(folder, "proxy", URL)


# --- Markdown ---------------------------------------------------------------------------------------------------------


def test_links_between_the_files_lead_to_the_pages_and_others_keep_their_words(tmp_path: Path) -> None:
    page = render(
        tmp_path,
        "[see](api.md#who-may-ask), [inside](architecture.md), [here](#below), [out](https://example.com/a.md), "
        "[own](http://127.0.0.1:8000/onboarding/), [file](../.env.example)",
    )

    assert '<a href="/docs/api/#who-may-ask">see</a>' in page.html
    assert "inside" in page.html
    assert "architecture.md" not in page.html
    assert '<a href="#below">here</a>' in page.html
    assert '<a href="https://example.com/a.md">out</a>' in page.html
    assert '<a href="/onboarding/">own</a>' in page.html
    assert ".env.example" not in page.html
    assert page.html.count("<a ") == page.html.count("</a>") == 4


def test_headings_can_be_linked_to_as_in_the_repository(tmp_path: Path) -> None:
    page = render(tmp_path, "# The title\n\n## `GET /api/x`, and *more*\n\n### Third\n")

    assert page.title == "The title"
    assert page.headings == (
        documentation.Heading("get-apix-and-more", "GET /api/x, and more"),
        documentation.Heading("third", "Third", 3),
    )
    assert '<h2 id="get-apix-and-more">' in page.html
    assert '<a class="anchor" href="#third" aria-label="Link to Third">#</a></h3>' in page.html


def test_markup_in_a_file_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    page = render(tmp_path, "<script>alert(1)</script>\n\n```html\n<b>bold</b>\n```\n\n```no-such-language\n<i>\n```\n")

    assert "<script" not in page.html
    assert "<b>" not in page.html
    assert "<i>" not in page.html


def test_a_changed_file_is_shown_anew(tmp_path: Path) -> None:
    assert render(tmp_path, "# Before").title == "Before"
    (tmp_path / "proxy.md").write_text("# After")
    os.utime(tmp_path / "proxy.md", ns=(1, 1))

    assert documentation.get_page(tmp_path, "proxy", URL).title == "After"


def test_highlighted_code_reads_as_it_was_written() -> None:
    assert (
        highlight("a < b", "python") == '<span class="n">a</span> <span class="o">&lt;</span> <span class="n">b</span>'
    )
    assert "style" not in highlight("x = '1'  # y", "python")


def test_a_section_holds_the_words_under_its_heading(tmp_path: Path) -> None:
    table = "| `a` | b |\n|---|---|\n| `X-Code: 1` | d |\n| `two` names | e |\n"
    text = f"# Title\n\nBefore\nall.\n\n## One\n\n{table}\n```bash\ncurl x\n```\n\n## Two\n"

    page = render(tmp_path, text)

    assert page.sections == (
        Section("", "", "Before all."),
        Section("one", "One", "a b X-Code: 1 d two names e curl x", ("x-code",)),
        Section("two", "Two", ""),
    )
    assert page.html.count("<tr id=") == page.html.count('<tr id="x-code">') == 1


def test_every_file_for_users_is_in_the_list_and_every_page_of_the_list_has_its_file() -> None:
    files = {file.stem for file in (ROOT / "docs").glob("*.md")}

    assert files - {"architecture"} == set(documentation.SLUGS) - {documentation.REFERENCE}


# --- Search -----------------------------------------------------------------------------------------------------------


def page_of(slug: str, title: str, *sections: tuple[str, str]) -> Page:
    made = tuple(Section(heading.lower(), heading, text) for heading, text in sections)
    return Page(slug, title, (), "", made)


PAGES = (
    page_of("one", "Keys", ("Create", "A key is shown once. A key is kept."), ("Revoke", "It stops, like a key.")),
    page_of("two", "Teams", ("Archive", "Its keys stop, too."), ("x-aipc-tags", "A header named x-aipc-tags.")),
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("revoke", ["revoke"]),
        ("REVOK", ["revoke"]),
        ("keys stop", ["archive", "revoke"]),
        ("create revoke", []),
        ("x-aipc-tags", ["x-aipc-tags"]),
        ("aipc", ["x-aipc-tags"]),
        ("nothing", []),
        ("...", []),
    ],
)
def test_every_word_must_be_there_and_headings_come_first(query: str, expected: list[str]) -> None:
    assert [one.section.id for one in search.find(PAGES, query)] == expected


def test_what_names_it_more_often_comes_first() -> None:
    assert [one.section.id for one in search.find(PAGES, "key")] == ["create", "revoke", "archive"]


def test_an_excerpt_begins_near_the_first_find_and_marks_all_of_them() -> None:
    text = f"{'before ' * 40}the needle and another needle {'after ' * 40}"

    parts = search.excerpt(text, ["needle"])

    assert "".join(part for part, _ in parts).startswith("... ")
    assert [part for part, is_found in parts if is_found] == ["needle", "needle"]
    assert len("".join(part for part, _ in parts)) < 200


def test_the_name_that_a_row_explains_leads_to_the_row() -> None:
    finds = search.find(documentation.read_all(ROOT / "docs", URL), "platform_key_revoked")

    assert finds[0].address == "/docs/errors/#platform_key_revoked"


REAL = (
    ("should-retry", "headers"),
    ("x-sandbox", "sandbox"),
    ("budget", "organization"),
    ("langchain", "frameworks"),
    ("nginx", "operations"),
    ("revoke a key", "api-keys"),
    ("prompt_key limit", "metadata"),
)


@pytest.mark.parametrize(("query", "slug"), REAL)
def test_what_readers_look_for_is_among_the_first(query: str, slug: str) -> None:
    finds = search.find(documentation.read_all(ROOT / "docs", URL), query)

    assert slug in [one.page.slug for one in finds[:3]]


# --- Reference --------------------------------------------------------------------------------------------------------


def test_the_reference_shows_parameters_fields_and_limits() -> None:
    parameter: dict[str, Any] = {"in": "query", "name": "limit", "required": True, "description": "how `many`"}
    parameter["schema"] = {"type": "integer", "minimum": 1, "maximum": 9, "default": 5}
    answer: dict[str, Any] = {
        "allOf": [{"properties": {"rows": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}}}}]
    }
    answer["allOf"].append({"$ref": "#/components/schemas/Row"})
    content = {"application/json": {"schema": answer, "examples": {"A": {"value": {"rows": []}}}}}
    operation: dict[str, Any] = {
        "summary": "All <rows>",
        "description": "Text.",
        "tags": ["Totals"],
        "parameters": [parameter],
    }
    operation["responses"] = {"200": {"description": "", "content": content}, "404": {"description": "gone"}}
    row = {"description": "A row.", "properties": {"cost": {"type": ["number", "null"], "description": "dollars"}}}

    page = reference.read_page({"paths": {"/api/x": {"get": operation}}, "components": {"schemas": {"Row": row}}})

    get, object_ = page.entries
    assert (get.id, get.title, get.group, object_.id) == ("get-apix", "GET /api/x", "Totals", "object-row")
    assert "All &lt;rows&gt;" in get.text
    asked, answered, refused = get.tables
    (limit,) = asked.rows
    assert (limit.name, limit.kind, limit.is_required) == ("limit", "integer", True)
    assert limit.text == "how <code>many</code>. From 1 to 9. <code>5</code> when left out"
    assert (answered.rows[0].kind, answered.also) == (
        'list of <a href="#object-row">Row</a>',
        (("object-row", "Row"),),
    )
    assert refused.rows[0].name == "404"
    assert [row.kind for row in object_.tables[0].rows] == ["number or null"]
    assert [heading.text for heading in page.headings] == ["Totals", "GET /api/x", "Objects", "Row"]
    assert page.headings[1].short == "x"


def test_the_reference_names_an_order_once_and_leaves_out_what_is_nothing_in_long_examples() -> None:
    order = {"in": "query", "name": "sort", "schema": {"type": "string", "enum": ["day", "-day", "cost", "-cost"]}}
    row = {"day": "2026-02-01", "cost": 1.5} | {f"count_{number}": 0 for number in range(9)}
    value = {"days": [row], "next": None, "index": 0}
    content = {
        "application/json": {"schema": {}, "examples": {"A": {"value": value}}},
        "text/csv": {"schema": {}, "examples": {"B": {"value": "day,cost\r\n2026-02-01,1.5\r\n"}}},
    }
    operation: dict[str, Any] = {"summary": "Days", "description": "Text.", "tags": ["Totals"], "parameters": [order]}
    operation["responses"] = {"200": {"description": "", "content": content}, "304": {"description": "known"}}

    (get,) = reference.read_page({"paths": {"/api/x": {"get": operation}}, "components": {"schemas": {}}}).entries

    asked, without_body = get.tables[0], get.tables[-1]
    assert asked.rows[0].text == ". One of <code>day</code>, <code>cost</code>"
    assert [(row.name, row.text) for row in without_body.rows] == [("304", "known")]
    (_, as_json), (name, as_csv) = get.examples
    shown = unescape(re.sub("<[^>]+>", "", as_json))
    assert json.loads(shown[shown.index("{") :]) == value | {
        "days": [{"day": "2026-02-01", "cost": 1.5, "...": "the other fields"}]
    }
    assert name == "CSV"
    assert "2026-02-01,1.5" in re.sub("<[^>]+>", "", as_csv)
