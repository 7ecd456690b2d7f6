"""The documentation's pages: the files of docs/ that are meant for users, and no others; their links; the search."""

import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from prompts import documentation
from tests.factories import make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

URL = "https://costs.example.com"


class Marks(HTMLParser):
    """Ids and links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])


def read(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


@pytest.fixture
def member(client: Client) -> Client:
    person = make_user()
    make_organization(owner=person)
    signed_in = Client()
    signed_in.force_login(person)
    return signed_in


def test_every_page_is_there_for_everybody(client: Client, member: Client) -> None:
    for slug in documentation.SLUGS:
        for reader in (client, member):
            page = read(reader, reverse("docs-page", args=[slug]))
            assert page.count("<h1") == 1, slug
            assert 'aria-current="page"' in page


def test_the_first_page_says_what_it_is_and_promises_privacy(client: Client) -> None:
    page = read(client, "/docs/")

    assert "<h1" in page
    assert "Privacy guarantee" in page


@pytest.mark.parametrize("slug", ["architecture", "nothing", "adr"])
def test_what_is_not_for_users_is_not_shown(client: Client, slug: str) -> None:
    assert client.get(f"/docs/{slug}/").status_code == 404


def test_the_guide_is_for_members_and_strangers_are_led_to_sign_up(client: Client, member: Client) -> None:
    link = r'<a href="([^"]+)">Interactive Setup Guide</a>'

    assert set(re.findall(link, read(client, "/docs/integration/"))) == {reverse("signup")}
    assert set(re.findall(link, read(member, "/docs/integration/"))) == {reverse("onboarding")}


def test_code_names_the_readers_own_address(client: Client, settings: LazySettings) -> None:
    settings.PUBLIC_URL = URL

    for slug in documentation.SLUGS:
        page = read(client, f"/docs/{slug}/")
        assert "127.0.0.1:8000" not in page, slug
    assert f"{URL}/api/proxy/v1/" in read(client, "/docs/getting-started/")


def test_every_link_of_every_page_leads_somewhere(client: Client) -> None:
    addresses = [f"/docs/{slug}/" for slug in documentation.SLUGS]
    pages = {address: Marks(read(client, address)) for address in addresses}
    targets = {(address, link) for address, page in pages.items() for link in page.links}
    assert len(targets) > 300
    reached = dict[str, int]()
    for address, link in sorted(targets):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme in {"https", "mailto"} or parts.hostname == "127.0.0.1", link
            continue
        path = parts.path or address
        if parts.fragment and path in pages:
            assert unquote(parts.fragment) in pages[path].ids, (address, link)
        if path not in pages:
            status = reached.setdefault(path, client.get(path).status_code)
            assert status in {200, 302}, (address, link)


def test_no_page_has_an_id_twice(client: Client) -> None:
    for slug in documentation.SLUGS:
        ids = Marks(read(client, f"/docs/{slug}/")).ids
        assert len(ids) == len(set(ids)), (slug, {one for one in ids if ids.count(one) > 1})


def test_links_between_the_pages_read_as_words_and_not_as_file_names(client: Client) -> None:
    for slug in documentation.SLUGS:
        words = re.findall(r'<a href="/docs/[^"]*">(.*?)</a>', read(client, f"/docs/{slug}/"))
        assert not [one for one in words if ".md" in one], slug


def test_pages_follow_each_other_in_the_order_of_the_list(client: Client) -> None:
    address, seen = "/docs/overview/", list[str]()
    while address:
        seen.append(address)
        following = re.search(r'<a class="docs-after" href="([^"]+)" rel="next">', read(client, address))
        address = following[1] if following else ""

    assert seen == [f"/docs/{slug}/" for slug in documentation.SLUGS]
    assert f'href="{seen[-2]}" rel="prev"' in read(client, seen[-1])


def test_the_search_works_without_scripts_and_leads_to_sections(client: Client) -> None:
    page = read(client, "/docs/search/?q=provider_key_rejected")

    first = re.search(r'<ol class="finds">\s*<li><a href="([^"]+)"', page)
    assert first
    path, _, anchor = first[1].partition("#")
    assert anchor in Marks(read(client, path)).ids
    assert "<mark>provider_key_rejected</mark>" in page
    assert 'value="provider_key_rejected"' in page


@pytest.mark.parametrize("query", ["", "   ", "zzzzqqq", "%<script>alert(1)</script>", "a" * 5000, "()[*", "_", "'\"&"])
def test_the_search_takes_anything(client: Client, query: str) -> None:
    response = client.get("/docs/search/", {"q": query})

    assert response.status_code == 200
    page = unescape(response.content.decode())
    assert "<script>alert" not in response.content.decode()
    assert ("Type words" in page) == (not query.strip())
