"""The prompt builder: what is set is in the code at once, what it will cost beside it, and the code runs as it is."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.journeys.programs import is_counted, run, take
from tests.journeys.site import Site, Visitor, has_come
from tests.processes import wait_until

pytestmark = pytest.mark.browser


def code(page: Page) -> str:
    return page.locator("#builder-code").text_content() or ""


def update(visitor: Visitor) -> None:
    """Needed where no script does it."""
    if not visitor.has_javascript:
        visitor.page.get_by_role("button", name="Update the code").click()


@pytest.mark.parametrize("language", ["cURL", "Python"])
def test_a_request_is_set_taken_along_and_run(visitor: Visitor, language: str, tmp_path: Path) -> None:
    page = visitor.page
    visitor.has_signed_up()
    home = visitor.has_organization()
    key = visitor.has_key(home)
    page.get_by_role("link", name="Prompt builder").first.click()
    page.get_by_label("Prompt key").fill("weekly-report")
    page.get_by_label("Version").fill("3")
    page.get_by_label("User message").fill('Say it\'s $HOME, "quoted".')
    page.get_by_role("radio", name=language, exact=True).check()
    update(visitor)
    expect(page.locator("#builder-code")).to_contain_text("weekly-report")
    expect(page.locator("#builder-code")).to_contain_text("curl" if language == "cURL" else "import")
    expect(page.locator("#builder-code")).to_contain_text("$AIPROMPTCOST" if language == "cURL" else "os.environ")

    with page.expect_download() as downloaded:
        page.get_by_role("button", name=re.compile("^Download")).click()
    assert (
        downloaded.value.suggested_filename
        == ("weekly-report-request.sh", "weekly_report_request.py")[language == "Python"]
    )
    program = take(visitor, "#builder-code", "Copy the code")
    assert downloaded.value.path().read_text() == program + "\n"

    assert "answer" in run(program, key, tmp_path)
    is_counted(visitor, home, "weekly-report")
    page.get_by_role("link", name="weekly-report", exact=True).click()
    expect(page.locator("#v3 [data-name=Requests]")).to_have_text("1")


def test_the_estimate_and_the_fields_follow_the_model(visitor: Visitor) -> None:
    page = visitor.page
    visitor.has_signed_up()
    page.goto(f"{visitor.has_organization()}builder/")
    figures = page.locator(".estimate-figures dd")
    model, temperature = page.get_by_label("Model", exact=True), page.get_by_label("Temperature")
    model.fill("gpt-4o")
    temperature.fill("0.3")
    update(visitor)
    expect(page.locator("#builder-code")).to_contain_text("temperature=0.3")
    expect(figures.nth(0)).to_have_attribute("title", re.compile(r"^\$0\.0055\b"))  # 1,000 tokens in, 300 out
    page.get_by_label("Tokens in").fill("2000")
    page.get_by_label("Tokens out").fill("100")
    update(visitor)
    expect(figures.nth(1)).to_have_text("$6.00")
    expect(page.get_by_text("By the tokens that you typed")).to_be_visible()

    model.fill("gpt-5")
    update(visitor)
    expect(page.get_by_text("No temperature: gpt-5 reasons before it answers")).to_be_visible()
    expect(temperature).to_have_attribute("readonly", "")
    assert "temperature" not in code(page)

    model.fill("claude-haiku-4-5")
    update(visitor)
    expect(page.get_by_role("radio", name="Anthropic", exact=True)).to_be_checked()
    expect(page.get_by_text("Anthropic asks for a limit in every request")).to_be_visible()
    expect(page.locator("#builder-code")).to_contain_text("/api/proxy/v1/anthropic")

    model.fill("gpt-4o")
    page.get_by_label("Max tokens").fill("many")
    update(visitor)
    expect(page.get_by_text("Write a whole number, like 1024.")).to_be_visible()
    assert "many" not in code(page)
    expect(temperature).to_have_value("0.3")
    expect(page.locator("#builder-code")).to_contain_text("temperature=0.3")


def test_typing_goes_on_while_the_code_follows(owner: Visitor) -> None:
    page = owner.page
    page.goto(f"{owner.has_organization()}builder/")
    field = page.get_by_label("Prompt key")
    field.focus()
    for part in ("invoice", "-reader", "-nightly"):
        page.keyboard.type(part)
        expect(page.locator("#builder-code")).to_contain_text(f"invoice{'-reader' * (part != 'invoice')}")
        expect(field).to_be_focused()
    expect(page.locator("#builder-code")).to_contain_text("invoice-reader-nightly")
    expect(field).to_have_value("invoice-reader-nightly")
    assert "invoice" not in page.url


def test_what_is_set_before_the_scripts_run_is_in_the_code_once_they_do(owner: Visitor) -> None:
    page, home = owner.page, owner.has_organization()
    held: list[Route] = []
    page.route(re.compile(r"htmx[^/]*\.js"), lambda route: held.append(route))
    page.goto(f"{home}builder/", wait_until="commit")
    page.get_by_label("Prompt key").fill("early-bird")
    page.get_by_role("radio", name="Go", exact=True).check()
    assert "early-bird" not in code(page)
    wait_until(lambda: has_come(page, held), "the scripts are asked for")
    for route in held:
        route.continue_()

    expect(page.locator("#builder-code")).to_contain_text("package main")
    expect(page.locator("#builder-code")).to_contain_text("early-bird")


def test_it_opens_over_a_prompt_with_the_key_filled_in(site: Site, visitor: Visitor) -> None:
    page = visitor.page
    visitor.has_signed_up()
    home = visitor.has_organization()
    prompt = visitor.submit(f"{home}prompts/new/", key="weekly-report")
    visitor.submit(f"{prompt}versions/new/", number="1", model="claude-haiku-4-5", max_tokens="77", is_active="on")
    for path, opener in ((f"{home}prompts/", "Code for weekly-report"), (prompt, "Open in the prompt builder")):
        page.goto(path)
        link = page.get_by_role("link", name=opener)
        link.click()
        builder = page.get_by_role("dialog") if visitor.has_javascript else page.locator("main")
        expect(builder.get_by_label("Prompt key")).to_have_value("weekly-report")
        expect(builder.get_by_label("Max tokens")).to_have_value("77")
        builder.get_by_label("Feature tags").fill("nightly")
        update(visitor)
        expect(builder.locator("#builder-code")).to_contain_text("nightly")
        if visitor.has_javascript:
            page.keyboard.press("Escape")
            expect(builder).to_be_hidden()
            expect(link).to_be_focused()
            assert page.url == f"{site.url}{path}"
