"""Every figure adds up: on the page, in the files behind its links, in the API, and down to a single request."""

import re
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import spending as seen
from tests.journeys.site import Site, Visitor
from tests.journeys.spending import TABLES, Spending

pytestmark = pytest.mark.browser

EVERYTHING = "all=api-keys,models,prompts,providers,tags,teams"
EXPORT = re.compile("^Export CSV")
FILTERS = ("range=90d", "range=90d&provider=openai", "range=7d&tag=checkout", "range=90d&key={key}&prompt=unknown")


def to(spending: Spending, page: Page, parameters: str) -> None:
    page.goto(f"{spending.home}?range=90d&{EVERYTHING}")
    key = page.locator("#by-api-keys tbody tr").first.get_attribute("data-key")
    page.goto(f"{spending.home}?{parameters.format(key=key)}&{EVERYTHING}")


@pytest.mark.parametrize("parameters", FILTERS)
def test_the_total_is_the_sum_of_every_table_of_the_days_and_of_every_file(
    spending: Spending, site: Site, parameters: str
) -> None:
    with site.visitor(has_javascript=False) as visitor, spending.seen_by(visitor) as page:
        to(spending, page, parameters)
        total, requests = seen.total(page), seen.requests(page)

        assert total > 0
        assert {name: seen.added_up(page, name) for name in TABLES} == dict.fromkeys(TABLES, (total, requests))
        assert seen.days(page) == total
        if "tag=" not in parameters:
            assert seen.added_up(page, "tags")[0] > total  # a request counts under each of its tags
        files = fetch_files(spending, visitor)

    assert set(files) == {*TABLES, "tags", "days", "versions", "requests"}
    assert {name: seen.cost_of(file) for name, file in files.items() if name != "tags"} == dict.fromkeys(
        set(files) - {"tags"}, total
    )
    counted = {name: sum(int(row["request_count"]) for row in seen.rows_of(files[name])) for name in (*TABLES, "days")}
    assert counted == dict.fromkeys(counted, requests)


def fetch_files(spending: Spending, visitor: Visitor) -> dict[str, str]:
    """What is behind the page's links, and beside it what the API says: the same."""
    links = [link.get_attribute("href") or "" for link in visitor.page.get_by_role("link", name=EXPORT).all()]
    links += [links[0].replace("/days.csv", f"/{name}.csv") for name in ("versions", "requests")]
    files = {}
    for link in links:
        name, asked = re.findall(r"export/([\w-]+)\.csv", link)[0], dict(parse_qsl(urlsplit(link).query))
        files[name] = visitor.context.request.get(link).text()
        assert files[name].removeprefix("\ufeff") == spending.api_file(name, asked), name
    return files


def test_a_file_comes_by_a_click_with_the_pages_filters(spending: Spending, page: Page) -> None:
    page.goto(f"{spending.home}?range=90d&team={spending.team}")
    with page.expect_download() as begun:
        page.get_by_role("link", name=re.compile("^Export CSV ?: Spend by prompt")).click()

    file = begun.value.path().read_text()

    assert re.fullmatch(r"spenders[\w-]*_prompts_[\d-]+_[\d-]+\.csv", begun.value.suggested_filename)
    assert seen.cost_of(file) == seen.total(page)
    start = begun.value.suggested_filename.split("_")[-2]
    found = spending.api("/api/aggregations/by-team", start=start)
    teams = {team["team_name"]: team["total_cost"] for team in found["teams"]}  # type: ignore[attr-defined]
    assert seen.cost_of(file) == teams["Search"]


def test_a_figure_is_followed_to_a_request_and_to_its_tokens(spending: Spending, page: Page) -> None:
    page.goto(f"{spending.home}?range=90d")
    page.locator("#by-models").get_by_role("link", name="claude-sonnet-4-6").click()
    expect(seen.table(page, "models")).to_have_count(1)
    total, requests = seen.total(page), seen.requests(page)
    page.get_by_role("navigation", name="Pages", exact=True).get_by_role("link", name="Requests").click()
    page.goto(f"{page.url}?range=90d&provider=anthropic&model=claude-sonnet-4-6&status=ok")

    costs = [seen.dollars(text) for text in page.locator("td[data-name=Cost]").all_inner_texts()]
    expect(page.locator(".log-sum")).to_contain_text(f"{requests} requests")
    assert len(costs) == requests
    page.locator(".log-link").first.click()

    expect(page.get_by_role("heading", name="How it adds up")).to_be_visible()
    page.wait_for_load_state()
    amounts = [seen.dollars(text) for text in page.locator(".receipt-lines tbody td:last-child").all_inner_texts()]
    cost = seen.dollars(page.locator(".headline .figure-large").get_attribute("title"))
    assert sum(amounts) == seen.dollars(page.locator(".receipt-lines tfoot td").last.inner_text()) == cost
    for line in page.locator(".receipt-lines tbody tr").all():
        number, rate, amount = line.locator("td").all_inner_texts()
        assert Decimal(number.replace(",", "")) * seen.dollars(rate) / 1_000_000 == seen.dollars(amount)
    name = page.locator("#request-id").inner_text()
    assert seen.dollars(f"${spending.api(f'/api/requests/{name}')['cost']}") == cost

    files = spending.api_file("requests", {"range": "90d", "provider": "anthropic", "model": "claude-sonnet-4-6"})
    assert seen.cost_of(files) == total


def test_the_log_goes_on_from_page_to_page_to_its_last_call(spending: Spending, page: Page) -> None:
    page.goto(f"{spending.home}requests/?range=90d")
    expected = [row["id"] for row in seen.rows_of(spending.api_file("requests", {"range": "90d"}))]
    first = read_log(page)
    found, older, beginnings = [*first], page.get_by_role("link", name="Older"), [first[0]]
    while older.count():
        older.click()
        expect(page.locator(f'.log-link[href*="{UUID(found[-1])}"]')).to_have_count(0)
        beginnings.append(read_log(page)[0])
        found += read_log(page)

    assert found == expected
    for beginning in reversed(beginnings[:-1]):
        # `go_back` waits for one navigation, and a page that htmx has to fetch anew makes two.
        page.evaluate("() => { history.back() }")
        expect(page.locator(f'.log-link[href*="{UUID(beginning)}"]')).to_be_visible()
        page.wait_for_load_state()
    assert read_log(page) == first


def read_log(page: Page) -> list[str]:
    """The ids of the calls on the page, once all of it has come."""
    page.wait_for_load_state()
    links = page.locator(".log-link").evaluate_all("(links) => links.map((link) => link.pathname)")
    return [UUID(link.split("/")[-2]).hex for link in links]
