"""A stranger signs up and, step by step, sees what their first prompts cost; with JavaScript and without."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.site import PASSWORD, PROVIDER_KEY, ZONE, Site, Visitor
from tests.processes import wait_until

pytestmark = pytest.mark.browser


def sign_up(visitor: Visitor, address: str) -> None:
    page = visitor.page
    page.goto("/")
    page.get_by_role("link", name="Get Started").first.click()
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()


def make_organization(visitor: Visitor, proposed: str) -> None:
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")
    expect(page.get_by_label("Organization name")).to_have_value(proposed)
    if visitor.has_javascript:  # the browser's own zone; without a script there is no telling
        expect(page.get_by_role("combobox", name="Time zone")).to_have_value(ZONE)
    page.get_by_role("button", name="Get started").click()


def make_key(visitor: Visitor) -> str:
    page = visitor.page
    page.get_by_role("button", name="Create key").click()
    page.wait_for_load_state()
    key = page.locator("#new-key").inner_text()
    assert key.startswith("apc_")
    page.get_by_role("link", name="Go on: send a test prompt").click()
    return key


def enter_key(visitor: Visitor, key: str) -> None:
    """With a script the step before has left it in this tab."""
    if visitor.has_javascript:
        expect(visitor.page.get_by_text(f"apc_...{key[-4:]}")).to_be_visible()
    else:
        visitor.page.get_by_label("Your AI Prompt Cost key").fill(key)


def wait_for_heading(visitor: Visitor, title: str, link: str) -> None:
    """By itself it comes with a script; else the link asks again, until the server has posted the request."""
    page = visitor.page
    heading = page.get_by_role("heading", name=re.compile(f"^{title}"))
    if visitor.has_javascript:
        expect(heading).to_be_visible()
        return
    again = page.get_by_role("link", name=link)

    def is_there() -> bool:
        expect(heading.or_(again)).to_be_visible()
        if not heading.is_visible():
            again.click()
        return heading.is_visible()

    wait_until(is_there, title)


def test_a_stranger_signs_up_and_sees_their_first_cost(site: Site, visitor: Visitor) -> None:
    page, address = visitor.page, site.new_address()
    sign_up(visitor, address)
    make_organization(visitor, proposed=address.partition("@")[2].removesuffix(".com").replace("-", " ").capitalize())
    key = make_key(visitor)

    # Simulated: nobody is called, and no provider key is asked for.
    calls = len(site.provider.log)
    enter_key(visitor, key)
    page.get_by_role("button", name="Simulate instead").click()
    wait_for_heading(visitor, "What it would have cost", "Look now")
    assert len(site.provider.log) == calls

    # Real.
    page.get_by_role("link", name="Send another prompt").click()
    enter_key(visitor, key)
    page.get_by_label("Your OpenAI key").fill(PROVIDER_KEY)
    page.get_by_label("Prompt", exact=True).fill("What is the answer?")
    page.get_by_role("button", name="Send to OpenAI").click()
    expect(page.get_by_role("heading", name="It works. This is what it cost.")).to_be_visible()
    expect(page.locator(".guide-answer")).not_to_be_empty()
    wait_for_heading(visitor, "What it cost", "Look now")
    expect(page.get_by_role("rowheader", name="Total")).to_be_visible()
    assert site.provider.log[-1].header("authorization") == f"Bearer {PROVIDER_KEY}"
    assert PROVIDER_KEY not in page.content()

    # From outside: first wrong, then right.
    page.get_by_role("link", name="Go on: use it in your code").click()
    expect(page.get_by_role("heading", name="Waiting for your first request")).to_be_visible()
    expect(page.locator(".code").first).to_contain_text(key if visitor.has_javascript else "YOUR_API_KEY")
    assert site.call(key, provider_key="").status_code == 401
    wait_for_heading(visitor, "A request came, but it was refused", "Look again")
    assert site.call(key).status_code == 200
    wait_for_heading(visitor, "Your first request has arrived", "Look again")

    page.get_by_role("link", name="Go to the dashboard").click()
    expect(page.get_by_text(re.compile("Spent in")).first).to_be_visible()
    expect(page.get_by_role("rowheader", name="greeting")).to_be_visible()


def test_the_guide_goes_on_where_one_left_it_and_explains_a_refused_provider_key(site: Site, visitor: Visitor) -> None:
    page = visitor.page
    sign_up(visitor, site.new_address())
    page.get_by_role("button", name="Get started").click()
    key = make_key(visitor)

    page.get_by_role("link", name="Skip for now").click()
    page.goto("/onboarding/")
    enter_key(visitor, key)
    site.provider.script("unauthorized")
    page.get_by_label("Your OpenAI key").fill(PROVIDER_KEY)
    page.get_by_role("button", name="Send to OpenAI").click()

    expect(page.get_by_role("alert")).to_contain_text("refused")
    assert PROVIDER_KEY not in page.content()
    enter_key(visitor, key)
    page.get_by_role("button", name="Simulate instead").click()
    wait_for_heading(visitor, "What it would have cost", "Look now")


def test_the_address_is_confirmed_by_the_mailed_link(site: Site, visitor: Visitor) -> None:
    page, address = visitor.page, site.new_address()
    sign_up(visitor, address)
    page.get_by_role("button", name="Get started").click()
    page.get_by_role("link", name="Skip for now").click()
    banner = page.get_by_role("button", name="Send it again")
    expect(banner).to_be_visible()

    page.goto(site.link_mailed_to(address, "/confirm-email/"))
    page.get_by_role("button", name="Yes, confirm it").click()

    page.goto("/app/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(banner).to_be_hidden()
