"""Owners invite; the invited join by the link of the mail: new people, those with an account, nobody else, once."""

import pytest
from playwright.sync_api import expect

from tests.journeys.site import PASSWORD, Site, Visitor

pytestmark = pytest.mark.browser


def invite(owner: Visitor, address: str) -> str:
    """By the form of the members' page; the link in the mail."""
    page = owner.page
    page.goto(f"{owner.has_organization('Acme')}organization/")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_role("button", name="Send invite").click()
    expect(page.get_by_role("rowheader", name=address)).to_be_visible()
    return owner.site.link_mailed_to(address, "/invitations/")


def expect_joined(visitor: Visitor) -> None:
    expect(visitor.page.get_by_text("Welcome to Acme.")).to_be_visible()
    expect(visitor.page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()


def test_a_new_person_creates_an_account_and_is_in(site: Site, owner: Visitor, visitor: Visitor) -> None:
    address, page = site.new_address("bob"), visitor.page

    page.goto(invite(owner, address))
    page.get_by_role("link", name="Create account and join").click()
    expect(page.get_by_label("E-mail address")).to_have_value(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()

    expect_joined(visitor)
    # The mail's link has shown whose address it is: nothing is left to confirm.
    expect(page.get_by_role("button", name="Send it again")).to_be_hidden()
    owner.page.reload()
    expect(owner.page.get_by_role("cell", name="Member", exact=True)).to_be_visible()
    expect(owner.page.get_by_role("heading", name="Pending invitations")).to_be_hidden()


def test_a_person_with_an_account_signs_in_and_joins(site: Site, owner: Visitor, visitor: Visitor) -> None:
    address, page = site.new_address("bob"), visitor.page
    visitor.has_signed_up(address)
    visitor.submit("/logout/")

    page.goto(invite(owner, address))
    page.get_by_role("link", name="Sign in and join").click()
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Join Acme").click()

    expect_joined(visitor)


def test_with_another_address_the_link_opens_nothing(site: Site, owner: Visitor, visitor: Visitor) -> None:
    address, page = site.new_address("bob"), visitor.page
    other = visitor.has_signed_up(site.new_address("eve"))

    page.goto(invite(owner, address))
    expect(page.get_by_role("heading", name="This invitation is for another address")).to_be_visible()
    expect(page.get_by_text(other).first).to_be_visible()
    expect(page.get_by_role("button", name="Join Acme")).to_be_hidden()

    # The way on for whoever has both: sign out, and come back to the invitation.
    page.get_by_role("button", name="Sign out and go on").click()
    expect(page.get_by_role("heading", name="Join Acme")).to_be_visible()


def test_a_link_works_once(site: Site, owner: Visitor, visitor: Visitor) -> None:
    address, page = site.new_address("bob"), visitor.page
    link = invite(owner, address)
    with site.visitor() as first:
        first.page.goto(link)
        first.page.get_by_role("link", name="Create account and join").click()
        first.page.get_by_label("Password").fill(PASSWORD)
        first.page.get_by_role("button", name="Create account").click()
        expect_joined(first)
        first.page.goto(link)
        expect(first.page.get_by_role("heading", name="You are a member of Acme")).to_be_visible()

    page.goto(link)

    expect(page.get_by_role("heading", name="This invitation was used")).to_be_visible()
    expect(page.get_by_role("link", name="join")).to_be_hidden()


def test_a_removed_member_is_out_with_the_next_click(site: Site, owner: Visitor, visitor: Visitor) -> None:
    address, page = site.new_address("bob"), visitor.page
    visitor.has_signed_up(address)
    page.goto(invite(owner, address))
    page.get_by_role("button", name="Join Acme").click()
    expect_joined(visitor)

    owner.page.reload()
    owner.page.get_by_role("link", name=f"Remove {address}").click()
    owner.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(owner.page.get_by_role("rowheader", name=address)).to_be_hidden()
    page.get_by_role("link", name="Teams").first.click()

    expect(page.get_by_role("heading", name="There is nothing at this address")).to_be_visible()
