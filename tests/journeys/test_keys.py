"""A key's life: made, shown once, copied, used, revoked, refused."""

import pytest
from playwright.sync_api import expect

from tests.journeys.site import Site, Visitor
from tests.processes import wait_until

pytestmark = pytest.mark.browser


def copy_key(visitor: Visitor) -> str:
    """By the button, which fills the clipboard; by hand where no script runs."""
    page = visitor.page
    page.wait_for_load_state()
    shown = page.locator("#new-key-text").inner_text()
    if not visitor.has_javascript:
        return shown
    page.get_by_role("button", name="Copy key").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied: str = page.evaluate("navigator.clipboard.readText()")
    assert copied == shown
    return copied


def test_a_key_is_made_copied_used_and_revoked(site: Site, visitor: Visitor) -> None:
    page = visitor.page
    visitor.has_signed_up()
    page.goto(f"{visitor.has_organization()}keys/")
    page.get_by_role("link", name="Create the first key").click()
    page.get_by_label("Description").fill("Checkout")
    page.get_by_role("button", name="Create key").click()
    key = copy_key(visitor)
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Checkout"))
    expect(row).to_contain_text("Active")
    expect(row).to_contain_text(f"apc_...{key[-4:]}")

    # Shown once: no reload and no going back brings it again.
    if visitor.has_javascript:
        page.reload()
    else:
        page.get_by_role("link", name="API keys").first.click()
    expect(row).to_be_visible()
    assert key not in page.content()
    page.get_by_role("link", name="Teams").first.click()
    page.go_back()
    expect(row).to_be_visible()
    assert key not in page.content()

    assert site.call(key).status_code == 200
    wait_until(lambda: has_been_used(visitor), "the list says when the key was used")

    page.get_by_role("link", name="Revoke Checkout").click()
    question = page.get_by_role("dialog") if visitor.has_javascript else page.locator("main")
    expect(question).to_contain_text("This will stop a key in use")
    question.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_role("heading", name="Revoked", exact=True)).to_be_visible()
    wait_until(lambda: site.call(key).status_code == 401, "calls with the revoked key are refused")
    assert site.call(key).json()["error"]["code"] == "platform_key_revoked"


def has_been_used(visitor: Visitor) -> bool:
    visitor.page.reload()
    return (
        visitor.page.get_by_role("rowheader", name="Checkout").locator("xpath=..").get_by_text("not yet").count() == 0
    )
