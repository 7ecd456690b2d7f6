"""The version comparison: a dialog over the dashboard, by mouse and by keyboard; a page of its own without scripts."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import spending as seen
from tests.journeys.site import Site, Visitor
from tests.journeys.spending import Spending

pytestmark = pytest.mark.browser


@pytest.fixture
def dashboard(site: Site, spending: Spending) -> Iterator[Page]:
    """With scripts, which open dialogs."""
    with site.visitor() as visitor, spending.seen_by(visitor) as page:
        page.goto(f"{spending.home}?range=90d")
        yield page


def focus_is_behind(page: Page) -> bool:
    """Whether something of the page under the dialog has the focus. The browser's own bars are nothing of it."""
    found: bool = page.evaluate("""() => {
        const focused = document.activeElement;
        return focused !== document.body && !document.getElementById("dialog").contains(focused);
    }""")
    return found


def test_it_opens_by_the_keyboard_keeps_the_focus_and_gives_it_back(dashboard: Page) -> None:
    page, address = dashboard, dashboard.url
    opener = page.get_by_role("link", name="greeting", exact=True)
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=re.compile("Versions of greeting"))
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("heading", name="Side by side")).to_be_visible()
    assert page.url == address

    stops = dialog.locator("a, button, [tabindex='0'], summary").count()
    for key in ("Tab", "Shift+Tab"):
        for _ in range(stops + 3):
            page.keyboard.press(key)
            assert not focus_is_behind(page)

    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_it_opens_by_the_mouse_anywhere_on_the_row_and_closes_by_its_button(dashboard: Page) -> None:
    page = dashboard
    row = seen.table(page, "prompts").filter(has_text="greeting")
    row.locator("td").last.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Versions of greeting")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()

    row.get_by_role("link", name="greeting", exact=True).click()
    expect(dialog).to_be_visible()
    page.mouse.click(5, 5)  # beside it
    expect(dialog).to_be_hidden()

    row.get_by_role("link", name="greeting", exact=True).click()
    dialog.get_by_role("link", name="Open as a page").click()
    page.wait_for_url(re.compile(r"/versions/\?.*prompt=greeting"))
    assert "range=90d" in page.url


def test_its_rows_add_up_to_the_prompts_and_lead_to_its_requests(
    spending: Spending, visitor: Visitor, page: Page
) -> None:
    page.goto(f"{spending.home}?range=90d")
    row = seen.table(page, "prompts").filter(has_text="greeting")
    cost = seen.dollars(row.locator("td.share").get_attribute("title"))
    page.goto(row.get_by_role("link", name="greeting", exact=True).get_attribute("href") or "")

    versions = page.locator(".figures-of-versions tbody tr")
    amounts = versions.locator("td[data-name='Total cost']").evaluate_all("(cells) => cells.map((cell) => cell.title)")
    assert len(amounts) == 3  # v2, v1 and no version
    assert sum(map(seen.dollars, amounts)) == cost
    counted = versions.nth(0).get_by_role("link", name=re.compile(r"^\d+$"))
    requests = counted.inner_text()
    counted.click()
    expect(page.locator(".log-sum")).to_contain_text(f"{requests} request")
    expect(page.get_by_role("list", name="Filters in force")).to_contain_text("Version: 2")


def test_the_page_without_scripts_is_behind_the_same_link(spending: Spending, site: Site) -> None:
    with site.visitor(has_javascript=False) as visitor, spending.seen_by(visitor) as page:
        page.goto(f"{spending.home}?range=90d")
        page.get_by_role("link", name="greeting", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Versions of greeting")
        page.get_by_role("link", name="Another prompt").click()
        page.get_by_label("Prompt").select_option("search.rerank")
        page.get_by_role("button", name="Compare its versions").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Versions of search.rerank")
