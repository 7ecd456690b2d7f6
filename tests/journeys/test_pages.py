"""Every page, narrow and wide, light and dark: readable by everybody (axe-core), inside the window, without an error.

PICTURES=folder keeps a picture of each.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

from tests.journeys import lived_in, prompts_lived_in
from tests.journeys.lived_in import LivedIn
from tests.journeys.places import Place
from tests.journeys.site import Site, Visitor, has_come
from tests.processes import wait_until

pytestmark = pytest.mark.browser

PLACES = [
    *lived_in.SIGNED_OUT,
    *lived_in.OF_THE_ORGANIZATION,
    *prompts_lived_in.OF_THE_PROMPTS,
    *lived_in.OF_THE_SPEND,
    *lived_in.OF_THE_PERSON,
]
SIZES = {1440: 900, 390: 844}
THEMES = ("light", "dark")
PICTURES = os.environ.get("PICTURES", "")
_axe = Axe()


@pytest.fixture(scope="module")
def everybody(site: Site) -> Iterator[tuple[LivedIn, dict[str, Visitor]]]:
    with site.visitor() as owner, site.visitor() as member, site.visitor() as newcomer, site.visitor() as visitor:
        home = lived_in.settle(owner, member)
        lived_in.newcomer(site, newcomer)
        yield home, {"owner": owner, "member": member, "newcomer": newcomer, "visitor": visitor}


@pytest.mark.parametrize("place", PLACES, ids=[place.name for place in PLACES])
def test_a_page_is_fit_to_be_seen(everybody: tuple[LivedIn, dict[str, Visitor]], place: Place) -> None:
    home, people = everybody
    visitor = people[place.who]
    visitor.problems.clear()
    page = visitor.page
    page.set_viewport_size({"width": 1440, "height": 900})

    page.goto(home.path(place.path))
    place.lead(page)

    found = [wrong for width in SIZES for theme in THEMES for wrong in look(page, place.name, width, theme)]
    assert found == []
    assert visitor.problems == []


def test_the_examination_finds_what_is_wrong(site: Site) -> None:
    with site.visitor() as visitor:
        visitor.page.goto("/")
        visitor.page.locator("main").evaluate("(main) => { main.innerHTML = '<input><p>wide</p>' }")
        visitor.page.get_by_text("wide").evaluate("(wide) => { wide.style.width = '2000px' }")
        found = look(visitor.page, "examination", 390, "light")
        visitor.page.locator("main").evaluate("(main) => { main.innerHTML = '<p style=\"color: red\">styled</p>' }")
        visitor.page.get_by_text("styled").wait_for()

        assert len(found) == 2
        assert "wider than the window" in found[0]
        assert "label" in found[1]

        def is_reported() -> bool:
            return has_come(visitor.page, visitor.problems) and any("style-src" in one for one in visitor.problems)

        wait_until(is_reported, "the policy's report has come")
        visitor.problems.clear()


def look(page: Page, name: str, width: int, theme: Any) -> list[str]:
    """What is wrong with the page as it stands, at this width and in this theme."""
    page.set_viewport_size({"width": width, "height": SIZES[width]})
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{PICTURES}/{name}-{width}-{theme}.png", full_page=True)
    seen = f"{width} px, {theme}: "
    overflow: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    wrong = [f"{seen}{overflow} px wider than the window"] if overflow > 0 else []
    for violation in _axe.run(page).response["violations"]:
        if violation["impact"] in {"serious", "critical"}:
            nodes = [f"{node['target'][0]}: {node['failureSummary']}" for node in violation["nodes"][:3]]
            wrong.append(f"{seen}{violation['id']}: {' | '.join(nodes)}")
    return wrong
