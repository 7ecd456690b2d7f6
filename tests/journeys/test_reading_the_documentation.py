"""The documentation, signed out: found by searching, linked to by heading, copied from, and read in a narrow window."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.site import Site, Visitor
from tests.processes import wait_until

pytestmark = pytest.mark.browser


@pytest.fixture
def reader(site: Site) -> Iterator[Page]:
    with site.visitor() as visitor:
        visitor.page.goto("/docs/")
        yield visitor.page


def test_an_error_code_is_searched_for_by_the_keyboard_and_found(reader: Page) -> None:
    page = reader
    page.keyboard.press("/")
    expect(page.get_by_label("Search the documentation")).to_be_focused()
    page.keyboard.type("platform_key_revoked")
    page.keyboard.press("Enter")
    hit = page.locator(".finds li").first
    expect(hit.locator("mark").first).to_contain_text("platform_key_revoked")
    hit.get_by_role("link").click()
    page.wait_for_url(re.compile(r"/docs/[a-z-]+/"))
    expect(page.locator("article")).to_contain_text("platform_key_revoked")


def test_it_is_searched_without_scripts(site: Site) -> None:
    with site.visitor(has_javascript=False) as visitor:
        page = visitor.page
        page.goto("/docs/")
        page.get_by_label("Search the documentation").fill("active version")
        page.keyboard.press("Enter")
        page.locator(".finds a").first.click()
        page.wait_for_url(re.compile("/docs/prompts/"))
        expect(page.locator("article")).to_contain_text("active")


def test_a_heading_is_linked_to_and_a_block_is_copied(reader: Page) -> None:
    page = reader
    page.goto("/docs/openai/")
    anchor = page.locator("article .anchor").nth(1)
    anchor.focus()
    anchor.press("Enter")
    wait_until(lambda: page.evaluate("navigator.clipboard.readText()") == page.url, "the address is copied")
    assert "#" in page.url
    expect(page.locator(page.url[page.url.index("#") :])).to_be_in_viewport()

    block = page.locator("article .code").first
    block.get_by_role("button", name=re.compile("^Copy")).click()
    expect(block.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == block.locator("pre code").text_content()


def test_the_api_reference_has_every_address_of_the_schema(reader: Page, site: Site) -> None:
    page = reader
    page.goto("/docs/api-reference/")
    schema = page.context.request.get("/api/schema/").json()
    addresses = {f"{method.upper()} {path}" for path, methods in schema["paths"].items() for method in methods}
    listed = set(page.get_by_role("region", name="All addresses").get_by_role("link").all_inner_texts())
    assert addresses
    assert addresses <= listed
    page.get_by_role("region", name="All addresses").get_by_role("link").first.click()
    expect(page.locator(page.url[page.url.index("#") :])).to_be_in_viewport()


def test_a_narrow_window_has_search_and_both_menus(site: Site, visitor: Visitor) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/docs/prompts/")
    page.get_by_text("On this page").first.click()
    page.get_by_role("navigation", name="On this page, in the menu").get_by_role("link").last.click()
    expect(page.locator("article h2, article h3").last).to_be_in_viewport()
    page.get_by_label("Search the documentation").fill("streaming")
    page.keyboard.press("Enter")
    expect(page.locator(".finds li").first).to_be_visible()
