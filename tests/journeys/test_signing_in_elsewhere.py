"""Signing up with GitHub and Google: the button, the provider's page, and back into the guide."""

import pytest
from playwright.sync_api import expect

from tests.journeys.sign_in_providers import Account
from tests.journeys.site import Site, Visitor

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["GitHub", "Google"])
def test_a_stranger_signs_up_with_another_account(site: Site, visitor: Visitor, name: str) -> None:
    page, address = visitor.page, site.new_address("grace")
    site.sign_in.person = Account(name="Grace Hopper", email=address)

    page.goto("/")
    page.get_by_role("link", name="Get Started").first.click()
    page.get_by_role("button", name=f"Continue with {name}").click()
    page.get_by_role("link", name="Continue").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")
    page.get_by_role("button", name="Get started").click()
    page.get_by_role("link", name="Skip for now").click()
    expect(page.get_by_role("button", name="Send it again")).to_be_hidden()  # the provider's word is enough
    page.goto("/accounts/profile/")
    expect(page.get_by_label("Name")).to_have_value("Grace Hopper")
    expect(page.get_by_text(address).first).to_be_attached()


def test_whoever_has_signed_up_so_signs_in_again_so(site: Site, visitor: Visitor) -> None:
    address = site.new_address("grace")
    site.sign_in.person = Account(name="Grace Hopper", email=address)
    page = visitor.page
    for entrance in ("/signup/", "/login/"):
        page.goto(entrance)
        page.get_by_role("button", name="Continue with GitHub").click()
        page.get_by_role("link", name="Continue").click()
        if entrance == "/signup/":
            page.get_by_role("button", name="Get started").click()
            visitor.submit("/logout/")

    expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()


def test_an_address_that_the_provider_has_not_verified_opens_nothing(site: Site, visitor: Visitor) -> None:
    address = site.new_address("mallory")
    site.sign_in.person = Account(name="Mallory", email=address, is_verified=False)
    page = visitor.page

    page.goto("/login/")
    page.get_by_role("button", name="Continue with Google").click()
    page.get_by_role("link", name="Continue").click()

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/app/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
