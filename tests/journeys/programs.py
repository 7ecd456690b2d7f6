"""Programs that visitors take from a page and run on their own machine, with their keys in the environment."""

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from scripts.hermetic import environment
from tests.journeys.site import PROVIDER_KEY, Visitor
from tests.processes import wait_until


def take(visitor: Visitor, source: str, button: str) -> str:
    """The text at `source`, by the button that copies it; by hand where no script runs."""
    page = visitor.page
    page.wait_for_load_state()
    shown = page.locator(source).text_content() or ""
    if not visitor.has_javascript:
        return shown
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied: str = page.evaluate("navigator.clipboard.readText()")
    assert copied == shown
    return copied


def run(source: str, key: str, folder: Path) -> str:
    """What it prints. Shell for curl, else Python."""
    file = folder / "program"
    file.write_text(source)
    keys = {"AIPROMPTCOST_API_KEY": key, "OPENAI_API_KEY": PROVIDER_KEY, "ANTHROPIC_API_KEY": PROVIDER_KEY}
    command = "sh" if source.startswith("curl") else sys.executable
    done = subprocess.run(
        [command, str(file)], env=environment() | keys, cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_counted(visitor: Visitor, home: str, prompt: str, requests: int = 1) -> None:
    """Wait until the list of prompts says so."""
    row = visitor.page.locator(f'.prompt-list tr[data-key="{prompt}"]')

    def has_arrived() -> bool:
        visitor.page.goto(f"{home}prompts/")
        return row.count() == 1 and row.locator("[data-name=Requests]").inner_text() == str(requests)

    wait_until(has_arrived, f"{requests} requests of {prompt} are on the list")
    expect(row.locator("[data-name=Cost]")).to_contain_text("$")
