"""An organization that has spent in all ways for six weeks, and how its figures are read off the pages."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from playwright.sync_api import Locator, Page

from analytics.usage import TokenUsage
from tests.journeys import history
from tests.journeys.site import PASSWORD, ZONE, Site, Visitor

TABLES = ("prompts", "api-keys", "teams", "models", "providers")  # whose rows add up; those of tags overlap
PROMPTS = ("greeting", "", "search.rerank", *(f"topic-{number:02}" for number in range(10)))
MODELS = (("openai", "gpt-4o-2024-08-06"), ("anthropic", "claude-sonnet-4-6"), ("openai", "a-model-nobody-sells"))
TAGS = ((), ("checkout",), ("checkout", "nightly"))
CALLS = 120
DAYS = 42


@dataclass(frozen=True)
class Spending:
    site: Site
    address: str
    home: str
    keys: Mapping[str, str]  # by their descriptions
    team: str  # the id of "Search"

    @contextmanager
    def seen_by(self, visitor: Visitor) -> Iterator[Page]:
        """The page of the organization's owner, in the visitor's browser."""
        visitor.submit("/accounts/login/", login=self.address, password=PASSWORD)
        yield visitor.page

    def api(self, path: str, **parameters: str) -> dict[str, object]:
        answer = self.site.read(self.keys["Checkout"], path, **parameters)
        assert answer.status_code == 200, answer.text
        return dict(answer.json(parse_float=Decimal))

    def api_file(self, table: str, query: Mapping[str, str]) -> str:
        path = "/api/requests" if table == "requests" else f"/api/exports/{table}"
        return self.site.read(self.keys["Checkout"], path, format="csv", **query).content.decode()


def spend(site: Site) -> Spending:
    with site.visitor() as owner:
        address = owner.has_signed_up(site.new_address("sam"))
        home = owner.has_organization("Spenders")
        team = owner.submit(f"{home}teams/new/", name="Search")
        keys = {name: _make_key(owner, home, name, of) for name, of in (("Indexer", "Search"), ("Checkout", "Default"))}
    calls = [history.first_call(site, key) for key in keys.values()]
    noon = datetime.now(ZoneInfo(ZONE)).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    post = []
    for number in range(CALLS):
        provider, model = MODELS[number % 7 % 3]
        failed = {"status": 500, "error_code": "server_error", "usage": TokenUsage(), "usage_source": "none"}
        post.append(
            history.at(
                calls[number % 5 % 2],
                noon - timedelta(days=number % DAYS, minutes=number),
                prompt_key=PROMPTS[number % len(PROMPTS)],
                version=number % 3 if number % len(PROMPTS) == 0 else 0,
                tags=TAGS[number % 4 % 3],
                provider=provider,
                model=model,
                model_requested=model,
                **failed if number % 17 == 0 else {"usage": TokenUsage(input=1000 + 37 * number, output=100 + number)},
            )
        )
    history.post(site, post)
    return Spending(site, address, home, keys, re.findall(r"\d+", team)[-1])


def _make_key(owner: Visitor, home: str, description: str, team: str) -> str:
    page = owner.page
    page.goto(f"{home}keys/new/")
    page.get_by_label("Team").select_option(team)
    page.get_by_label("Description").fill(description)
    page.get_by_role("button", name="Create key").click()
    page.wait_for_load_state()
    return page.locator("#new-key-text").inner_text()


# --- Reading --------------------------------------------------------------------------------------------------------
# Of the whole page: without scripts a click leads to one whose end may still be on its way when its title is there.


def dollars(text: str | None) -> Decimal:
    """The exact amount that a title begins with; what has no price adds nothing."""
    found = re.match(r"\$([\d,.]+)", text or "")
    return Decimal(found[1].replace(",", "")) if found else Decimal(0)


def total(page: Page) -> Decimal:
    page.wait_for_load_state()
    return dollars(page.locator("#spend .figure-large").get_attribute("title"))


def requests(page: Page) -> int:
    page.wait_for_load_state()
    return int(page.locator(".spend-facts dd").first.inner_text().replace(",", ""))


def table(page: Page, name: str) -> Locator:
    return page.locator(f"#by-{name} tbody tr")


def added_up(page: Page, name: str) -> tuple[Decimal, int]:
    """What all rows of a table cost together, and their requests."""
    page.wait_for_load_state()
    rows = table(page, name)
    amounts = rows.locator("td.share").evaluate_all("(cells) => cells.map((cell) => cell.title)")
    counts = rows.locator("td:nth-child(2)").evaluate_all("(cells) => cells.map((cell) => cell.firstChild.data)")
    return sum(map(dollars, amounts), Decimal(0)), sum(int(count.replace(",", "")) for count in counts)


def days(page: Page) -> Decimal:
    """What the chart's columns cost together."""
    page.wait_for_load_state()
    rows = csv.DictReader(io.StringIO(page.locator("#trend-chart-csv").text_content() or ""))
    return sum((Decimal(row["total (USD)"]) for row in rows), Decimal(0))


def rows_of(file: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.removeprefix("\ufeff"))))


def cost_of(file: str) -> Decimal:
    rows = rows_of(file)
    column = "cost" if rows and "cost" in rows[0] else "total_cost"
    return sum((Decimal(row[column] or 0) for row in rows), Decimal(0))
