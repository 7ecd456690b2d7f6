"""A prompt's life: registered, given versions, counted under the active one, archived and restored."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.site import Site, Visitor
from tests.processes import wait_until

pytestmark = pytest.mark.browser


def version(page: Page, number: int) -> Locator:
    return page.locator(f"#v{number}")


def wait_for_requests(page: Page, number: int, requests: int) -> None:
    """On the prompt's page, which the visitor is at."""

    def has_them() -> bool:
        page.reload()
        row = version(page, number)
        return row.count() == 1 and row.locator("[data-name=Requests]").inner_text() == str(requests)

    wait_until(has_them, f"{requests} requests are counted under v{number}")


def test_calls_without_a_version_are_counted_under_the_active_one(site: Site, visitor: Visitor) -> None:
    page = visitor.page
    visitor.has_signed_up()
    home = visitor.has_organization()
    key = visitor.has_key(home)
    page.goto(f"{home}prompts/")
    page.get_by_role("link", name="Register a prompt").click()
    page.get_by_label("Key", exact=True).fill("document-summarizer")
    page.get_by_label("Name").fill("Document summarizer")
    page.get_by_role("button", name="Register prompt").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Document summarizer")

    page.get_by_role("link", name="Add the first version").click()
    if visitor.has_javascript:
        page.get_by_role("button", name="gpt-4o", exact=True).click()
    else:
        page.get_by_label("Model", exact=True).fill("gpt-4o")
    expect(page.get_by_label("Model", exact=True)).to_have_value("gpt-4o")
    expect(page.get_by_label("Make it the active version")).to_be_checked()
    page.get_by_role("button", name="Add version").click()
    expect(version(page, 1)).to_contain_text("Active")
    prompt = page.url

    page.get_by_role("link", name="Add version").click()
    page.get_by_label("Model", exact=True).fill("gpt-4o-mini")
    page.get_by_label("Make it the active version").set_checked(False)
    page.get_by_role("button", name="Add version").click()
    expect(version(page, 2).get_by_role("button", name="Activate v2")).to_be_visible()
    assert site.call(key, prompt="document-summarizer").status_code == 200
    wait_for_requests(page, 1, 1)

    # From now on; what is counted stays where it is.
    page.get_by_role("button", name="Activate v2").click()
    expect(version(page, 2)).to_contain_text("Active")
    expect(version(page, 1).get_by_role("button", name="Activate v1")).to_be_visible()
    assert site.call(key, prompt="document-summarizer").status_code == 200
    wait_for_requests(page, 2, 1)
    expect(version(page, 1).locator("[data-name=Requests]")).to_have_text("1")
    expect(page.get_by_text("When which version was active")).to_be_visible()
    assert page.url == prompt


def test_a_number_that_requests_name_is_registered_by_one_click(site: Site, visitor: Visitor) -> None:
    page = visitor.page
    visitor.has_signed_up()
    home = visitor.has_organization()
    key = visitor.has_key(home)
    page.goto(visitor.submit(f"{home}prompts/new/", key="search.rerank"))
    assert site.call(key, prompt="search.rerank", version=7).status_code == 200
    wait_for_requests(page, 7, 1)
    expect(version(page, 7)).to_contain_text("Not registered")

    page.get_by_role("button", name=re.compile("Register v7")).click()

    expect(version(page, 7).locator("[data-name=Model]")).to_contain_text("gpt-4o")
    expect(version(page, 7).locator("[data-name=Requests]")).to_have_text("1")
    expect(version(page, 7)).not_to_contain_text("Not registered")
    expect(version(page, 7).get_by_role("button", name="Activate v7")).to_be_visible()


def test_an_archived_prompt_leaves_the_list_and_comes_back(visitor: Visitor) -> None:
    page = visitor.page
    visitor.has_signed_up()
    home = visitor.has_organization()
    visitor.submit(f"{home}prompts/new/", key="kept")
    page.goto(visitor.submit(f"{home}prompts/new/", key="old-experiment"))
    page.get_by_role("link", name="Archive", exact=True).click()
    question = page.get_by_role("dialog") if visitor.has_javascript else page.locator("main")
    expect(question).to_contain_text("What it spent stays in every report")
    question.get_by_role("button", name="Archive prompt").click()

    listed = page.get_by_role("region", name="Prompts", exact=True)
    expect(listed).to_contain_text("kept")
    expect(listed.get_by_role("link", name="old-experiment")).to_have_count(0)
    page.locator("#archived > summary").click()
    page.get_by_role("link", name="old-experiment").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Archived")
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("Archived")
    page.get_by_role("link", name="All prompts").click()
    expect(listed.get_by_role("link", name="old-experiment", exact=True)).to_be_visible()
