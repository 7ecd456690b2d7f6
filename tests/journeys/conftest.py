"""The site of the journeys: a server of ours in trial mode, with everything that it talks to played on loopback.

It lives as long as the tests of this folder, not longer: while Playwright runs, Django's database is out of reach.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.fake_provider import FakeProvider
from tests.journeys.sign_in_providers import SignInProviders
from tests.journeys.site import WAIT_MS, Site, Visitor
from tests.journeys.spending import Spending, spend
from tests.run import find_chromium
from tests.servers import ProxyServer, free_port


def _settings(folder: Path, port: int, provider: FakeProvider, sign_in: SignInProviders) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "tests.journeys.settings",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DATA_DIR": str(folder / "data"),
        "SHUTDOWN_GRACE": "5",
        "TRUSTED_PROXIES": "127.0.0.1",  # visitors say by a header where they are: what is limited is limited for each
        "OPENAI_UPSTREAM_URL": provider.openai_url,
        "ANTHROPIC_UPSTREAM_URL": provider.anthropic_url,
        "GOOGLE_CLIENT_ID": "google-id",
        "GOOGLE_CLIENT_SECRET": "google-secret",
        "GITHUB_CLIENT_ID": "github-id",
        "GITHUB_CLIENT_SECRET": "github-secret",
        "TERMS_URL": "https://example.com/terms",
        "PRIVACY_URL": "https://example.com/privacy",
        "SUPPORT_EMAIL": "help@example.com",
        "JOURNEY_MAILS": str(folder / "mails"),
        "JOURNEY_SIGN_IN_URL": sign_in.url,
    }


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    chromium = find_chromium()  # asks Playwright too, which runs only once at a time
    assert chromium is not None, "no Chromium is installed"
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(FakeProvider())
        sign_in = stack.enter_context(SignInProviders())
        server = ProxyServer(_settings(folder, port, provider, sign_in))
        server.port = port
        stack.enter_context(server)
        playwright = stack.enter_context(sync_playwright())
        expect.set_options(timeout=WAIT_MS)
        # Chromium's sandbox does not start for root; the pages are ours.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        stack.callback(browser.close)
        yield Site(server.url, folder / "mails", provider, sign_in, browser, server)
        failures = re.search(r" (ERROR|CRITICAL) .*", server.output, re.DOTALL)
        assert failures is None, failures[0]


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def visitor(site: Site, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """A browser as it comes, and one that runs no script."""
    with site.visitor(has_javascript=request.param) as visitor:
        yield visitor


@pytest.fixture
def owner(site: Site) -> Iterator[Visitor]:
    """The browser of somebody with a confirmed address and no organization yet."""
    with site.visitor() as owner:
        owner.has_signed_up(site.new_address("olive"))
        yield owner


@pytest.fixture(scope="package")
def spending(site: Site) -> Spending:
    """An organization with six weeks of usage. Whoever spends more in it spends today."""
    return spend(site)


@pytest.fixture
def page(spending: Spending, visitor: Visitor) -> Iterator[Page]:
    """Its owner's page: with scripts and without."""
    with spending.seen_by(visitor) as page:
        yield page
