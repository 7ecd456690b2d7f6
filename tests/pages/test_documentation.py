"""The documentation pages: the files of docs/ that are meant for users, and no others."""

import os
import re
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from prompts import documentation
from prompts.templatetags.code import highlight
from scripts.hermetic import ROOT
from tests.factories import make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

URL = "https://costs.example.com"


def render(folder: Path, text: str) -> documentation.Page:
    (folder / "proxy.md").write_text(text)
    return documentation.get_page(folder, "proxy", URL)


@pytest.mark.parametrize("slug", [one.slug for one in documentation.read_all(ROOT / "docs", URL)])
def test_every_page_is_there_for_everybody(client: Client, slug: str) -> None:
    address = reverse("docs-page", args=[slug])

    assert client.get(address).status_code == 200
    person = make_user()
    make_organization(owner=person)
    client.force_login(person)
    assert client.get(address).status_code == 200


def test_the_first_page_greets_whoever_opens_the_documentation(client: Client) -> None:
    page = client.get("/docs/").content.decode()

    assert "<h1" in page
    assert "Getting started" in page
    assert page.count("<h1") == 1


@pytest.mark.parametrize("slug", ["architecture", "operations", "nothing", "adr"])
def test_what_is_not_for_users_is_not_shown(client: Client, slug: str) -> None:
    assert client.get(f"/docs/{slug}/").status_code == 404


def test_members_can_run_the_guide_again_from_the_first_page(client: Client) -> None:
    person = make_user()
    organization = make_organization(owner=person)
    assert "Set up step by step" not in client.get("/docs/").content.decode()

    client.force_login(person)

    assert reverse("onboarding", args=[organization.slug]) in client.get("/docs/").content.decode()


def test_code_names_the_readers_own_address(client: Client, settings: LazySettings) -> None:
    settings.PUBLIC_URL = URL

    page = client.get("/docs/getting-started/").content.decode()

    assert f"{URL}/api/proxy/v1/" in page
    assert "127.0.0.1" not in page


def test_links_between_the_files_lead_to_the_pages_and_others_keep_their_words(tmp_path: Path) -> None:
    page = render(
        tmp_path,
        "[see](api.md#who-may-ask), [inside](architecture.md), [here](#below), [out](https://example.com/a.md)",
    )

    assert '<a href="/docs/api/#who-may-ask">see</a>' in page.html
    assert "inside" in page.html
    assert "architecture.md" not in page.html
    assert '<a href="#below">here</a>' in page.html
    assert '<a href="https://example.com/a.md">out</a>' in page.html
    assert page.html.count("<a ") == page.html.count("</a>") == 3


def test_links_between_the_pages_read_as_words_and_not_as_file_names() -> None:
    pages = documentation.read_all(ROOT / "docs", URL)
    titles = {f"/docs/{page.slug}/": page.title for page in pages}
    links = [link for page in pages for link in re.findall(r'<a href="(/docs/[^"#]*)(#[^"]*)?">(.*?)</a>', page.html)]

    assert len(links) >= 3
    assert [words for _, _, words in links if ".md" in words] == []
    assert [words for address, part, words in links if not part and words != titles[address]] == []


def test_headings_can_be_linked_to_as_in_the_repository(tmp_path: Path) -> None:
    page = render(tmp_path, "# The title\n\n## `GET /api/x`, and *more*\n\n### Third\n")

    assert page.title == "The title"
    assert page.sections == (documentation.Heading("get-apix-and-more", "GET /api/x, and more"),)
    assert '<h2 id="get-apix-and-more">' in page.html


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
