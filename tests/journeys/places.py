"""Places to look at: what is at a path, or what is seen after going on from there."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

Lead = Callable[[Page], None]


@dataclass(frozen=True)
class Place:
    """`lead` goes on from the page at `path` to what is to be seen; `who` looks at it."""

    name: str
    path: str
    who: str = "owner"
    lead: Lead = lambda page: None


def press(button: str) -> Lead:
    """Even where the browser would see by itself that something is missing."""

    def lead(page: Page) -> None:
        page.locator("main form").evaluate_all("(forms) => forms.forEach((form) => { form.noValidate = true })")
        page.get_by_role("button", name=button).click()
        page.wait_for_load_state()

    return lead


def open_dialog(name: str) -> Lead:
    def lead(page: Page) -> None:
        page.get_by_role("link", name=re.compile(name)).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()

    return lead


def send(fields: dict[str, str]) -> Lead:
    """Fill the fields with these labels and press the form's first button."""

    def lead(page: Page) -> None:
        form = page.locator("main form.fields").last
        for label, text in fields.items():
            form.get_by_label(label).fill(text)
        form.get_by_role("button").first.click()
        page.wait_for_load_state()

    return lead
