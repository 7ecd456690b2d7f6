"""The staff's pages in a browser, as each role sees them: what is offered, what is asked, what becomes of it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import history
from tests.journeys.site import PASSWORD, Site, Visitor
from tests.processes import wait_until

pytestmark = pytest.mark.browser

_MAKE = """
from django.contrib.auth.models import Group
from accounts.models import User
for role in ("Support", "Operator", "Admin"):
    person = User.objects.create_user(f"{role.lower()}@staff.example.com", "PASSWORD", is_staff=True)
    person.groups.add(Group.objects.get(name=role))
"""


@dataclass(frozen=True)
class Acme:
    owner: Visitor
    path: str  # of its dashboard
    key: str


@pytest.fixture(scope="module")
def staff(site: Site) -> None:
    """One person for each role."""
    history.manage(site, "shell", "-c", _MAKE.replace("PASSWORD", PASSWORD))


@pytest.fixture(scope="module")
def acme(site: Site) -> Iterator[Acme]:
    with site.visitor() as owner:
        owner.has_signed_up(site.new_address("olga"))
        path = owner.has_organization("Acme of the staff")
        key = owner.has_key(path)
        assert site.call(key).status_code == 200
        yield Acme(owner, path, key)


def enter(visitor: Visitor, role: str) -> Page:
    page = visitor.page
    page.goto("/admin/")
    page.get_by_label("E-mail address").fill(f"{role}@staff.example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto("/admin/")
    expect(page.get_by_role("heading", name="Service")).to_be_visible()
    return page


def open_organization(page: Page, name: str = "Acme of the staff") -> None:
    page.goto("/admin/orgs/organization/")
    page.locator("#searchbar").fill(name)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=name, exact=True).click()


def test_support_reads_everything_and_looks_at_a_dashboard(
    site: Site, visitor: Visitor, staff: None, acme: Acme
) -> None:
    page = enter(visitor, "support")
    expect(page.get_by_text("Spend this month")).to_be_visible()
    open_organization(page)
    expect(page.get_by_role("button", name="Suspend")).to_have_count(0)
    page.get_by_role("link", name="Look at the dashboard").click()
    page.get_by_label("Reason").fill("Ticket 4711: where is the spend of Monday?")
    page.get_by_role("button", name="Look at the dashboard").click()

    page.wait_for_url(f"**{acme.path}*")
    banner = page.get_by_text("You are looking at Acme of the staff as staff until")
    expect(banner).to_be_visible()
    page.get_by_role("link", name="Teams").first.click()
    expect(banner).to_be_visible()
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_text("You have left.")).to_be_visible()
    page.goto(acme.path)
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("Dashboard")

    acme.owner.page.goto(f"{acme.path}audit/")
    row = acme.owner.page.get_by_role("row").filter(has_text="Ticket 4711").first
    expect(row).to_contain_text("support@staff.example.com")
    expect(row).to_contain_text("looked at the organization as staff")


def test_an_operator_suspends_and_resumes_an_organization(
    site: Site, visitor: Visitor, staff: None, acme: Acme
) -> None:
    page = enter(visitor, "operator")
    open_organization(page)
    page.get_by_role("button", name="Suspend").click()
    expect(page.get_by_text("refused within a second")).to_be_visible()
    assert site.call(acme.key).status_code == 200
    page.get_by_role("button", name="Suspend the organizations").click()

    expect(page.get_by_text("Suspended: Acme of the staff.")).to_be_visible()
    wait_until(lambda: site.call(acme.key).status_code == 403, "calls with the organization's keys are refused")
    open_organization(page)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Resumed: Acme of the staff.")).to_be_visible()
    wait_until(lambda: site.call(acme.key).status_code == 200, "its keys work again")
    page.goto("/admin/accounts/user/")
    expect(page.get_by_role("link", name="Add user")).to_have_count(0)


def test_an_admin_gives_a_role(site: Site, visitor: Visitor, staff: None) -> None:
    with site.visitor() as other:
        address = other.has_signed_up(site.new_address("nina"))
    page = enter(visitor, "admin")
    page.goto("/admin/accounts/user/")
    page.locator("#searchbar").fill(address)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=address).click()
    page.get_by_label("Is staff").check()
    page.get_by_label("Support").check()
    page.get_by_role("button", name="Save", exact=True).click()

    row = page.get_by_role("row").filter(has_text=address)
    expect(row).to_contain_text("Support")
    expect(page.get_by_label("Superuser status")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_is_wider_than_the_window_or_breaks_the_policy(
    site: Site, staff: None, acme: Acme, theme: str, width: int
) -> None:
    """Whatever the console or the CSP reports is a problem of the visitor's (tests/journeys/site.py)."""
    with site.visitor(color_scheme=theme) as visitor:
        visitor.page.set_viewport_size({"width": width, "height": 900})
        page = enter(visitor, "admin")
        links = page.locator("#content-main th a").evaluate_all("(links) => links.map((link) => link.pathname)")
        assert len(links) > 15
        for path in ["/admin/", "/admin/unpriced/", *links]:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
