"""Prompts that have been lived with, and places to look at: versions, builder, import, search of the documentation."""

from playwright.sync_api import Page, expect

from tests.journeys.places import Lead, Place, open_dialog, press, send
from tests.journeys.site import Visitor

LONG_NAME = "Summary of the whole conversation, with everything that was attached to it"
PROGRAM = '''"""Ask both."""

import os

import requests
from anthropic import Anthropic
from openai import AzureOpenAI, OpenAI

client = OpenAI(api_key="sk-proj-0123456789abcdefghijklmnopqrstuvwxyz0123456789")
claude = Anthropic()
azure = AzureOpenAI(azure_endpoint="https://example.openai.azure.com", api_version="2024-10-21")


def ask(question: str) -> str:
    """One of them."""
    # The first one is the cheapest.
    answer = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": question}],
    )
    other = requests.post(
        "https://api.openai.com/v1/chat/completions",
        headers={"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"},
        json={"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]},
    )
    claude.messages.create(model="claude-haiku-4-5", max_tokens=64, messages=[{"role": "user", "content": question}])
    return answer.choices[0].message.content or other.text


print(ask("Hello!"))
'''
WRONG_PROGRAM = "from openai import OpenAI\n\nclient = OpenAI(\nprint(client\n"


def settle(owner: Visitor, home: str) -> dict[str, str]:
    """One prompt with everything, one just registered, one archived and one archived and used since."""
    page = owner.page
    described = {"name": "Greeting", "description": "Says hello on the front page.\n\nThe growth team looks after it."}
    page.goto(f"{home}prompts/")
    used = {
        key: page.get_by_role("link", name=key, exact=True).get_attribute("href") or ""
        for key in ("greeting", "summary-of-support-conversations")
    }
    paths = {name: path.split("?")[0] for name, path in used.items()}
    prompt = paths["greeting"]
    owner.submit(f"{prompt}edit/", **described)
    versions = f"{prompt}versions/new/"
    owner.submit(versions, number="1", model="gpt-4o", temperature="0.7", max_tokens="300", is_active="on")
    owner.submit(versions, number="3", model="gpt-4o-mini", note="Shorter answers, cheaper model", is_active="on")
    owner.submit(versions, number="4", model="acme-private-model-70b-instruct-of-the-third-generation")
    new = owner.submit(f"{home}prompts/new/", key="document-summarizer", name=LONG_NAME)
    old = owner.submit(f"{home}prompts/new/", key="old-experiment")
    owner.submit(f"{old}archive/")
    owner.submit(f"{paths['summary-of-support-conversations']}archive/")
    return {"prompt": prompt, "prompt_new": new, "prompt_archived": paths["summary-of-support-conversations"]}


def open_archived(page: Page) -> None:
    page.locator("#archived > summary").click()


def open_activations(page: Page) -> None:
    page.get_by_text("When which version was active").click()


def open_builder(page: Page) -> None:
    open_dialog("prompt builder$")(page)
    expect(page.get_by_role("dialog").get_by_label("Prompt key")).to_have_value("greeting")


def choose_claude(page: Page) -> None:
    """Streamed, with a wrong field."""
    page.get_by_label("Model", exact=True).fill("claude-sonnet-4-6")
    page.get_by_label("Max tokens").fill("many")
    page.get_by_label("Stream the answer").check()
    expect(page.get_by_text("What is marked on the form")).to_be_visible()
    expect(page.get_by_label("Temperature")).to_have_attribute("readonly", "")


def choose_go(page: Page) -> None:
    page.get_by_role("radio", name="Go", exact=True).check()
    expect(page.locator("#builder-code")).to_contain_text("package main")


def rewrite(program: str) -> Lead:
    def lead(page: Page) -> None:
        page.get_by_label("Your code").fill(program)
        page.get_by_label("Prompt key").fill("greeting")
        page.get_by_role("button", name="Rewrite the code").click()
        expect(page.locator("#import-result")).to_be_visible()

    return lead


OF_THE_PROMPTS = [
    Place("prompts", "{home}prompts/?range=90d", lead=open_archived),
    Place("prompts-empty", "{empty}prompts/"),
    Place("prompts-nothing", "{home}prompts/?q=nothing-like-this"),
    Place("prompt", "{prompt}?range=90d", lead=open_activations),
    Place("prompt-without-use", "{prompt_new}"),
    Place("prompt-archived", "{prompt_archived}"),
    Place("prompt-new", "{home}prompts/new/"),
    Place("prompt-new-wrong", "{home}prompts/new/", lead=send({"Key": "greeting"})),
    Place("prompt-describe-dialog", "{prompt}", lead=open_dialog("^Describe$")),
    Place("prompt-archive-dialog", "{prompt}", lead=open_dialog("^Archive$")),
    Place("version-new", "{prompt}versions/new/"),
    Place("version-new-wrong", "{prompt_new}versions/new/", lead=press("Add version")),
    Place("version-register", "{prompt}versions/new/?number=2"),
    Place("builder", "{home}builder/"),
    Place("builder-wrong", "{home}builder/?prompt=greeting", lead=choose_claude),
    Place("builder-go", "{home}builder/?prompt=document-summarizer", lead=choose_go),
    Place("builder-dialog", "{prompt}", lead=open_builder),
    Place("import", "{home}builder/import/"),
    Place("import-wrong", "{home}builder/import/", lead=press("Rewrite the code")),
    Place("import-result", "{home}builder/import/", lead=rewrite(PROGRAM)),
    Place("import-refused", "{home}builder/import/", lead=rewrite(WRONG_PROGRAM)),
    Place("docs-search", "/docs/search/?q=idempotency", "visitor"),
    Place("docs-search-nothing", "/docs/search/?q=zzzyyyxxx", "visitor"),
    Place("docs-search-empty", "/docs/search/", "visitor"),
]
