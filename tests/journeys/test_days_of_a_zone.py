"""A call counts to the day of the organization's time zone: on every page, in the files and in the API."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.journeys import history
from tests.journeys import spending as seen
from tests.journeys.site import Site, Visitor

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Zone:
    """`midnight` begins a day; so many hours has the day before it. `twice` has an hour that comes two times."""

    name: str
    midnight: datetime
    hours: int
    day: date


ZONES = [
    Zone("Asia/Kathmandu", datetime(2026, 3, 9, 18, 15, tzinfo=UTC), 24, date(2026, 3, 9)),
    Zone("America/New_York", datetime(2026, 3, 9, 4, tzinfo=UTC), 23, date(2026, 3, 8)),
    Zone("America/New_York", datetime(2025, 11, 3, 5, tzinfo=UTC), 25, date(2025, 11, 2)),
]


@pytest.mark.parametrize("zone", ZONES, ids=lambda zone: f"{zone.name}-{zone.hours}-hours")
def test_a_call_shortly_before_midnight_counts_to_the_day_that_ends(site: Site, owner: Visitor, zone: Zone) -> None:
    page = owner.page
    home = owner.submit("/app/new/", name=f"Zoned {zone.hours}", timezone=zone.name)
    key = owner.has_key(home)
    call = history.first_call(site, key)
    late, early = zone.midnight - timedelta(seconds=1), zone.midnight + timedelta(seconds=1)
    first = zone.midnight - timedelta(hours=zone.hours)
    moments = {"first": first, "late": late, "early": early, "before": first - timedelta(seconds=1)}
    history.post(site, [history.at(call, at, prompt_key=name) for name, at in moments.items()])
    day = zone.day.isoformat()
    asked = f"start={day}&end={day}"

    page.goto(f"{home}?{asked}")
    assert seen.requests(page) == 2
    used = seen.table(page, "prompts").filter(has=page.locator("td.share[title*=total]"))
    assert sorted(used.locator(".rank-link").all_inner_texts()) == ["first", "late"]
    expect(page.locator(".chart-slot")).to_have_count(zone.hours)
    spent = page.locator(".chart-figures tbody tr").evaluate_all(
        "(rows) => rows.map((row) => row.cells[1].textContent !== '$0.00')"
    )
    assert [number for number, is_used in enumerate(spent) if is_used] == [0, zone.hours - 1]
    labels = page.locator(".chart-figures tbody th").all_text_contents()
    assert len(set(labels)) == zone.hours  # the hour that comes twice is marked

    page.goto(f"{home}requests/?{asked}")
    assert page.locator("[data-name=Prompt] .log-name").all_inner_texts() == ["late", "first"]
    assert page.locator(".log-clock").all_inner_texts() == ["23:59:59", "00:00:00"]

    file = owner.context.request.get(f"{home}export/requests.csv?{asked}").text()
    assert [(row["prompt_key"], row["local_day"]) for row in seen.rows_of(file)] == [("late", day), ("first", day)]
    around = f"start={zone.day - timedelta(days=1)}&end={zone.day + timedelta(days=1)}"
    days = owner.context.request.get(f"{home}export/days.csv?{around}").text()
    assert [row["request_count"] for row in seen.rows_of(days)] == ["1", "2", "1"]
    found = site.read(key, "/api/aggregations/monthly", start=day, end=day).json()
    assert (found["request_count"], found["timezone"]) == (2, zone.name)
