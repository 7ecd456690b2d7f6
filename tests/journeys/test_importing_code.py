"""The code import: a program that asks OpenAI directly is pasted, read through, taken along and run."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.programs import is_counted, run, take
from tests.journeys.site import Visitor

pytestmark = pytest.mark.browser

PROGRAM = '''"""Greets."""

from openai import OpenAI

client = OpenAI(api_key="sk-proj-0123456789abcdefghijklmnopqrstuvwxyz0123456789")


def greet(name):
    # Keep it short.
    answer = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": f"Greet {name}!"}],
    )
    return answer.choices[0].message.content


print(greet("Ada"))
'''


def paste(page: Page, program: str) -> None:
    part = page.locator("#import")  # of a page, or of a dialog over the builder
    part.get_by_label("Your code").fill(program)
    part.get_by_label("Prompt key").fill("greeter")
    part.get_by_role("button", name="Rewrite the code").click()


def test_a_pasted_program_comes_back_rewritten_and_is_tracked(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    visitor.has_signed_up()
    home = visitor.has_organization()
    key = visitor.has_key(home)
    page.get_by_role("link", name="Prompt builder").first.click()
    page.get_by_role("link", name="Import code").click()
    paste(page, PROGRAM)

    expect(page.get_by_role("heading", name="in this Python code")).to_be_visible()
    expect(page.get_by_role("region", name="Changed")).to_contain_text("line 5")
    warned = page.get_by_role("region", name="For you to do or to know")
    expect(warned).to_contain_text("line 5")
    difference = page.get_by_role("table", name="Before and after")
    expect(difference.locator("del").filter(has_text="sk-proj-")).to_be_visible()
    expect(difference.locator("ins").filter(has_text="/api/proxy/v1/openai")).to_be_visible()
    program = take(visitor, "#import-code", "Copy the rewritten code")
    assert "# Keep it short." in program
    assert "sk-proj" not in program

    assert "answer" in run(program, key, tmp_path)
    is_counted(visitor, home, "greeter")

    page.goto(f"{home}builder/import/")
    paste(page, program)
    expect(page.get_by_role("heading", name="Nothing to change in this Python code")).to_be_visible()


def test_code_that_does_not_parse_is_refused_with_its_place_and_kept_in_the_form(visitor: Visitor) -> None:
    page = visitor.page
    visitor.has_signed_up()
    page.goto(f"{visitor.has_organization()}builder/import/")
    wrong = PROGRAM.replace("def greet(name):", "def greet(name:")
    paste(page, wrong)

    expect(page.get_by_role("alert")).to_contain_text("Line 8, column")
    expect(page.get_by_label("Your code")).to_have_value(wrong)
    expect(page.locator("#import-code")).to_have_count(0)

    paste(page, PROGRAM)
    expect(page.locator("#import-code")).to_contain_text("/api/proxy/v1/openai")
