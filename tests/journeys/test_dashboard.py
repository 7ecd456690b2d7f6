"""The dashboard in a browser: what is chosen changes every figure and the address, which can be passed on."""

import re
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import spending as seen
from tests.journeys.site import ZONE, Visitor
from tests.journeys.spending import TABLES, Spending

pytestmark = pytest.mark.browser


def title(page: Page) -> str:
    return page.locator("#spend-title").inner_text()


def query(page: Page) -> dict[str, str]:
    """Forms without scripts send their empty fields, too."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def choose(visitor: Visitor, field: str, label: str) -> None:
    page = visitor.page
    page.locator("#filter-more > summary").click()
    page.locator(f"#filter-{field}").select_option(label=label)
    if not visitor.has_javascript:
        page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("list", name="Filters in force")).to_contain_text(label)


def figures(page: Page) -> dict[str, object]:
    """Everything that the filters are for."""
    page.wait_for_load_state()
    cut = [name for name in TABLES if page.locator(f"#all-{name}").count()]
    tables = {name: seen.added_up(page, name) for name in TABLES if name not in cut}
    return {"title": title(page), "total": seen.total(page), "days": seen.days(page), "tables": tables}


def adds_up(found: dict[str, object]) -> bool:
    tables = found["tables"]
    assert isinstance(tables, dict)
    return bool(tables) and {found["days"], *(cost for cost, _ in tables.values())} == {found["total"]}


def test_a_range_and_filters_change_every_figure_and_the_address(
    spending: Spending, visitor: Visitor, page: Page
) -> None:
    page.goto(spending.home)
    expect(page.locator("#spend-title")).to_contain_text(f"Spent in {datetime.now(ZoneInfo(ZONE)):%B}")
    page.evaluate("window.mark = 'the same page'")

    page.get_by_role("link", name="Last 90 days").click()
    expect(page.locator("#spend-title")).to_have_text(re.compile("Spent in the last 90 days"))
    assert query(page) == {"range": "90d"}
    wide = figures(page)
    assert adds_up(wide)

    choose(visitor, "team", "Search")
    assert query(page) == {"range": "90d", "team": spending.team}
    of_team = figures(page)
    assert adds_up(of_team)
    assert seen.total(page) < wide["total"]  # type: ignore[operator]
    expect(seen.table(page, "teams")).to_have_count(1)

    page.locator("#by-models").get_by_role("link", name="claude-sonnet-4-6").click()
    expect(seen.table(page, "models")).to_have_count(1)
    assert query(page) == {"range": "90d", "team": spending.team, "provider": "anthropic", "model": "claude-sonnet-4-6"}
    of_model = figures(page)
    assert adds_up(of_model)
    assert page.evaluate("window.mark") == ("the same page" if visitor.has_javascript else None)

    # `go_back` waits for one navigation, and a page that htmx has to fetch anew makes two.
    page.evaluate("() => { history.back() }")
    expect(seen.table(page, "models").nth(1)).to_be_attached()
    assert figures(page) == of_team
    page.evaluate("() => { history.forward() }")
    expect(seen.table(page, "models")).to_have_count(1)
    assert figures(page) == of_model
    page.get_by_role("link", name=re.compile("^Team: Search")).click()
    expect(page.get_by_role("list", name="Filters in force")).not_to_contain_text("Search")
    assert "team" not in query(page)


def test_an_address_that_is_passed_on_shows_the_same(spending: Spending, visitor: Visitor, page: Page) -> None:
    page.goto(f"{spending.home}?range=90d")
    choose(visitor, "tag", "checkout")
    shown = figures(page)

    with spending.site.visitor() as colleague, spending.seen_by(colleague) as other:
        other.goto(page.url)
        assert figures(other) == shown
        expect(other.get_by_role("list", name="Filters in force")).to_contain_text("checkout")


def test_other_days_are_chosen_by_their_dates(spending: Spending, visitor: Visitor, page: Page) -> None:
    last = datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1)
    first = last - timedelta(days=9)
    page.goto(spending.home)

    page.locator("#filter-days > summary").click()
    page.get_by_label("From", exact=True).fill(first.isoformat())
    page.get_by_label("To", exact=True).fill(last.isoformat())
    if not visitor.has_javascript:
        page.get_by_role("button", name="Show these days").click()

    expect(page.locator("#spend-title")).to_contain_text(f"{last.day} {last:%B}")
    expect(page.locator(".chart-slot")).to_have_count(10)
    chosen = {"start": first.isoformat(), "end": last.isoformat()}
    assert {name: query(page)[name] for name in chosen} == chosen
    found = spending.api("/api/aggregations/monthly", **chosen)
    assert seen.total(page) == found["total_cost"]
    assert seen.requests(page) == found["request_count"]


def test_a_table_is_sorted_shown_whole_and_searched(spending: Spending, visitor: Visitor, page: Page) -> None:
    page.goto(f"{spending.home}?range=90d")
    rows = seen.table(page, "prompts")
    expect(rows).to_have_count(10)

    page.locator("#all-prompts").click()
    expect(rows).to_have_count(len(seen.PROMPTS))
    page.locator("#sort-prompts-name").click()
    expect(rows.first).to_contain_text("greeting")
    page.get_by_label("Search in Spend by prompt").fill("rerank")
    if not visitor.has_javascript:
        page.get_by_label("Search in Spend by prompt").press("Enter")
    expect(rows).to_have_count(1)

    assert query(page) == {
        "range": "90d",
        "all": "prompts",
        "sort.prompts": "name",
        "find.prompts": "rerank",
    }
    page.reload()
    expect(rows).to_have_count(1)


def test_the_chart_tells_its_figures_to_the_keyboard_and_is_stacked_by_providers_names(
    spending: Spending, visitor: Visitor, page: Page
) -> None:
    page.goto(f"{spending.home}?range=90d")
    page.get_by_role("link", name="By provider", exact=True).click()
    legend = page.locator("#trend .legend")
    expect(legend).to_contain_text("OpenAI")
    expect(legend).to_contain_text("Anthropic")
    assert query(page) == {"range": "90d", "by": "provider"}
    if not visitor.has_javascript:
        page.get_by_text("Figures as a table").click()
        expect(page.locator(".chart-figures tbody tr")).to_have_count(90)
        return

    page.locator(".chart-plot").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    yesterday = datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1)
    expect(page.locator(".chart-tip")).to_contain_text(f"{yesterday.day} {yesterday:%b %Y}")
    expect(page.locator("#trend [aria-live]")).to_contain_text("$")
    legend.get_by_role("button", name="Anthropic").click()
    expect(legend.get_by_role("button", name="Anthropic")).to_have_attribute("aria-pressed", "false")
