"""The served site as the journeys see it: its address, its mails, calls through its proxy, and visitors' browsers.

Nothing here knows Django or the database: what a journey does and sees goes through the browser, mails and HTTP.
"""

import email
import email.policy
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response

from tests.fake_provider import FakeProvider
from tests.journeys.sign_in_providers import SignInProviders
from tests.processes import wait_until
from tests.servers import ProxyServer

PASSWORD = "correct horse battery staple"
PROVIDER_KEY = "sk-provider-key-of-the-visitor"
ZONE = "Europe/Berlin"
WAIT_MS = 60_000  # for what comes by itself; a busy machine takes its time
# Refused documents are the journey's own business; all other refusals are found in `_check_answer`. A request that a
# newer one takes the place of, or whose page one leaves, is aborted: with a slow server that happens to be seen.
_NO_PROBLEMS = ("Failed to load resource", "htmx:sendAbort", "htmx:afterRequest")
_numbers = count(1)


def has_come(page: Page, asked: Sequence[object]) -> bool:
    """Whether something is in the list that a listener or a route of the page fills."""
    page.evaluate("0")  # Playwright tells of requests while it is at work
    return bool(asked)


@dataclass
class Site:
    url: str
    mails: Path
    provider: FakeProvider
    sign_in: SignInProviders
    browser: Browser
    server: ProxyServer

    def new_address(self, name: str = "ada") -> str:
        """An e-mail address that no other journey has."""
        return f"{name}@example-{next(_numbers)}.com"

    @contextmanager
    def visitor(self, *, has_javascript: bool = True, **options: Any) -> Iterator["Visitor"]:
        """A browser of somebody who has never been here. Fails when a page did what a page must not."""
        context = self.browser.new_context(
            base_url=self.url,
            java_script_enabled=has_javascript,
            timezone_id=ZONE,
            locale="en-US",
            reduced_motion="reduce",
            viewport={"width": 1440, "height": 900},
            permissions=["clipboard-read", "clipboard-write"],
            extra_http_headers={"X-Forwarded-For": f"192.0.2.{next(_numbers) % 250 + 1}"},
            **options,
        )
        context.set_default_timeout(WAIT_MS)
        try:
            visitor = Visitor(self, context, has_javascript)
            yield visitor
            assert visitor.problems == [], visitor.problems
        finally:
            context.close()

    # --- Mails ---

    def mails_to(self, address: str) -> list[EmailMessage]:
        found = []
        for file in sorted(self.mails.glob("*.log"), key=lambda file: file.stat().st_mtime_ns):
            for part in file.read_bytes().split(b"\n" + b"-" * 79 + b"\n"):
                message = email.message_from_bytes(part, policy=email.policy.default)
                if message["To"] == address:
                    found.append(message)
        return found

    def link_mailed_to(self, address: str, part: str) -> str:
        """The last link with this in it, as the text of a mail to this address has it."""

        def links() -> list[str]:
            texts = [message.get_body(("plain",)) for message in self.mails_to(address)]
            pattern = rf"{re.escape(self.url)}\S*{re.escape(part)}\S*"
            return [link for text in texts if text for link in re.findall(pattern, text.get_content())]

        wait_until(lambda: bool(links()), f"a mail to {address} with a link like {part}")
        return links()[-1]

    # --- Calls from outside ---

    def read(self, key: str, path: str, /, **parameters: str) -> requests.Response:
        """The REST API's answer to whoever has the key."""
        headers = {"Authorization": f"Bearer {key}"}
        return requests.get(f"{self.url}{path}", params=parameters, headers=headers, timeout=WAIT_MS / 1000)

    def call(
        self, key: str, *, provider_key: str = PROVIDER_KEY, prompt: str = "greeting", **facts: Any
    ) -> requests.Response:
        """As a service would: to OpenAI's side of the proxy. `facts` are more of what it says about the call."""
        headers = {"Authorization": f"Bearer {key}"} | ({"X-Provider-Key": provider_key} if provider_key else {})
        body = {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": "Hello!"}],
            "_aipromptcost": {"prompt_key": prompt, "feature_tags": ["journeys"], **facts},
        }
        address = f"{self.url}/api/proxy/v1/openai/chat/completions"
        return requests.post(address, json=body, headers=headers, timeout=WAIT_MS / 1000)


@dataclass
class Visitor:
    """One person's browser. `problems` fills with what no page may do: errors, reports of the CSP, strange hosts."""

    site: Site
    context: BrowserContext
    has_javascript: bool
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.on("console", lambda said: self._hear(said.type, said.text))
        self.context.on("weberror", lambda error: self.problems.append(f"exception: {error.error}"))
        self.context.on("request", self._check_host)
        self.context.on("response", self._check_answer)
        self.context.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => "
            "console.error(`CSP report: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))"
        )
        self.page: Page = self.context.new_page()

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not text.startswith(_NO_PROBLEMS):
            self.problems.append(f"console {kind}: {text}")

    def _check_host(self, request: Request) -> None:
        if not request.url.startswith((self.site.url, self.site.sign_in.url, "data:", "about:")):
            self.problems.append(f"another host: {request.url}")

    def _check_answer(self, response: Response) -> None:
        is_document = response.request.resource_type == "document"
        if response.status >= (500 if is_document else 400):
            self.problems.append(f"answer {response.status}: {response.url}")

    # --- The shortest way to where a journey begins ---

    def submit(self, path: str, **fields: str) -> str:
        """Send a form of the site without showing it; returns where that led, as a path."""
        token = next((cookie["value"] for cookie in self.context.cookies() if cookie["name"] == "csrftoken"), "")
        if not token:
            self.context.request.get("/accounts/login/")
            return self.submit(path, **fields)
        form: dict[str, str | float | bool] = {**fields, "csrfmiddlewaretoken": token}
        answer = self.context.request.post(path, form=form, headers={"Referer": self.site.url})
        assert answer.ok, (path, answer.status)
        return answer.url.removeprefix(self.site.url)

    def has_signed_up(self, address: str = "", *, is_confirmed: bool = True) -> str:
        """The address of the new account, which this browser is signed in to."""
        address = address or self.site.new_address()
        landed = self.submit("/accounts/signup/", email=address, password1=PASSWORD, timezone=ZONE)
        assert landed.startswith("/onboarding/"), landed
        if is_confirmed:
            self.submit(self.site.link_mailed_to(address, "/confirm-email/").removeprefix(self.site.url))
        return address

    def has_organization(self, name: str = "Acme") -> str:
        """The path of its dashboard."""
        return re.sub("onboarding/.*", "", self.submit("/onboarding/welcome/", name=name, timezone=ZONE))

    def has_key(self, dashboard: str, description: str = "Checkout") -> str:
        """A new key's text, made on the page of keys."""
        self.page.goto(f"{dashboard}keys/new/")
        self.page.get_by_label("Description").fill(description)
        self.page.get_by_role("button", name="Create key").click()
        self.page.wait_for_load_state()
        return self.page.locator("#new-key-text").inner_text()
