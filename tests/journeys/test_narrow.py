"""What is different in a narrow window, and its way by keyboard."""

import pytest
from playwright.sync_api import expect

from tests.journeys.site import Visitor

pytestmark = pytest.mark.browser


def test_the_tabs_of_the_code_are_one_line_that_scrolls_to_the_chosen_one(owner: Visitor) -> None:
    page, home = owner.page, owner.has_organization()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{home}onboarding/code/")
    tabs = page.get_by_role("tab")
    heights = {box["y"] for tab in tabs.all() if (box := tab.bounding_box())}
    assert len(heights) == 1

    tabs.first.focus()
    page.keyboard.press("End")

    expect(tabs.last).to_be_focused()
    expect(tabs.last).to_have_attribute("aria-selected", "true")
    expect(tabs.last).to_be_in_viewport(ratio=1)
    page.keyboard.press("Home")
    expect(tabs.first).to_be_in_viewport(ratio=1)


def test_the_list_of_the_documentation_is_folded_away(owner: Visitor) -> None:
    page = owner.page
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/docs/")
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()

    page.get_by_text("Documentation: Overview").click()
    page.get_by_role("navigation", name="Documentation in the menu").get_by_role(
        "link", name="How costs are calculated"
    ).click()

    page.wait_for_url("**/docs/accounting/")


def test_a_toast_is_closed_by_its_cross(owner: Visitor) -> None:
    page, home = owner.page, owner.has_organization()
    page.goto(f"{home}teams/new/")
    page.get_by_label("Team name").fill("Backend")
    page.locator("main").get_by_role("button").first.click()
    toast = page.get_by_text("Backend is there.")
    expect(toast).to_be_visible()

    page.get_by_role("button", name="Close this message").click()

    expect(toast).to_be_hidden()
