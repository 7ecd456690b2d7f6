"""The guide's test prompt and its results: pages of a served proxy in front of the fake provider."""

import html
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import requests
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from accounts.models import User
from analytics import reports
from analytics.models import LedgerRecord
from orgs.models import Organization, RefusedCall
from orgs.services import keys
from tests.conftest import FOLDER, IS_PRODUCTION, settings_of_services
from tests.factories import make_key, make_organization, make_team, make_user
from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.conftest import is_shipped
from tests.servers import ProxyServer, Worker, wait_until

pytestmark = pytest.mark.trial

PROVIDER_KEY = "sk-own-key-of-the-visitor"
ANTHROPIC_KEY = "sk-ant-own-key-of-the-visitor"
PROMPT = "Wie viel kostet <b>das</b>?"
ANSWER = "About <i>four</i> cents & a half."


class Guide:
    """A person's browser without JavaScript, in their organization, with their key at hand."""

    def __init__(self, server: ProxyServer) -> None:
        self.server = server
        self.person: User = make_user()
        self.organization: Organization = make_organization(owner=self.person)
        self.record, self.key = make_key(make_team(self.organization), "First key")
        self.session = requests.Session()
        self.django = Client()
        self.django.force_login(self.person)
        self.session.cookies.set("sessionid", self.django.cookies["sessionid"].value, domain="127.0.0.1")

    def path(self, name: str, *arguments: object) -> str:
        return reverse(name, args=[self.organization.slug, *arguments])

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.session.get(self.server.url + path, headers=headers, timeout=60)

    def send(self, provider: str = "openai", *, mode: str = "send", **fields: str) -> requests.Response:
        """The form of the third step, filled in."""
        path = f"{self.path('onboarding-prompt')}?provider={provider}"
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path).text)
        assert token
        own = {"openai": PROVIDER_KEY, "anthropic": ANTHROPIC_KEY}[provider]
        model = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5"}[provider]
        filled = {"platform_key": self.key, "provider_key": own, "model": model, "prompt": PROMPT}
        return self.session.post(
            self.server.url + path,
            data={"csrfmiddlewaretoken": token[1], "mode": mode, **filled, **fields},
            headers={"Referer": self.server.url + path},
            timeout=60,
        )

    def records(self) -> list[LedgerRecord]:
        return list(LedgerRecord.objects.filter(organization_id=self.organization.pk))


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


@pytest.fixture(scope="module")
def server(
    provider: FakeProvider,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ProxyServer]:
    journal = tmp_path_factory.mktemp("journal")
    urls = {"OPENAI_UPSTREAM_URL": provider.openai_url, "ANTHROPIC_UPSTREAM_URL": provider.anthropic_url}
    settings = {**settings_of_services(journal), **urls, "UPSTREAM_SILENCE_TIMEOUT": "1", "LOG_LEVEL": "DEBUG"}
    with django_db_blocker.unblock(), ProxyServer(settings) as server:
        if IS_PRODUCTION:
            with Worker(settings):
                yield server
        else:
            yield server
        wait_until(lambda: is_shipped(journal), "the journal is posted")
        server.stop()
        assert "Traceback" not in server.output, server.output[-6000:]
        assert_nothing_is_kept(server, journal)
        call_command("flush", interactive=False, verbosity=0, reset_sequences=False)


def assert_nothing_is_kept(server: ProxyServer, journal: Path) -> None:
    """No key of a provider, no prompt and no answer of any test of this module, in the logs or on the disk."""
    found = [server.output.encode(), *(path.read_bytes() for path in journal.rglob("*") if path.is_file())]
    if not IS_PRODUCTION:
        with closing(sqlite3.connect(FOLDER / "db.sqlite3")) as database:
            found += [line.encode() for line in database.iterdump()]
    for secret in (PROVIDER_KEY, ANTHROPIC_KEY, "Wie viel kostet", "cents & a half"):
        assert not [True for content in found if secret.encode() in content], secret


@pytest.fixture
def guide(server: ProxyServer, provider: FakeProvider) -> Guide:
    provider.reset()
    return Guide(server)


def words(page: str) -> str:
    """What is to be read, without the tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def assert_private(response: requests.Response, *secrets: str) -> None:
    assert "no-store" in response.headers["Cache-Control"]
    for secret in secrets:
        assert secret not in response.text


# --- Asking -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "label"), [("openai", "OpenAI"), ("anthropic", "Anthropic")])
def test_a_prompt_goes_to_the_provider_and_its_cost_comes_back_from_the_ledger(
    guide: Guide, provider: FakeProvider, name: str, label: str
) -> None:
    provider.script(Scenario(prompt_tokens=1000, output_tokens=200, text=ANSWER))

    response = guide.send(name)

    (exchange,) = provider.wait_for(1)
    assert exchange.json()["messages"] == [{"role": "user", "content": PROMPT}]
    own = exchange.header("authorization") if name == "openai" else exchange.header("x-api-key")
    assert own == {"openai": f"Bearer {PROVIDER_KEY}", "anthropic": ANTHROPIC_KEY}[name]
    assert guide.key not in str(exchange.headers)
    assert response.status_code == 200
    assert_private(response, PROVIDER_KEY, ANTHROPIC_KEY, guide.key, ANSWER)
    page = words(response.text)
    assert ANSWER in page  # escaped in the page, as the line above shows
    # gpt-4o-mini: $0.15 and $0.60 a million; claude-haiku-4-5: $1 and $5.
    figures = {"openai": ("$0.00015", "$0.00012", "$0.00027"), "anthropic": ("$0.001", "$0.001", "$0.002")}[name]
    for expected in ("Input 1,000", "Output 200", "Total 1,200", *figures, "onboarding-test", "First key"):
        assert expected in page
    (record,) = guide.records()
    assert (record.prompt_key, record.tags, record.status) == ("onboarding-test", ["onboarding"], 200)
    assert record.pk.hex in page
    assert label in words(guide.get(f"{guide.path('onboarding-prompt')}?provider={name}").text)


def test_the_answer_is_gone_afterwards_and_the_cost_is_not(guide: Guide, provider: FakeProvider) -> None:
    provider.script(Scenario(text=ANSWER))
    guide.send()
    (record,) = guide.records()

    response = guide.get(guide.path("onboarding-results", record.pk))

    page = words(response.text)
    assert_private(response, PROVIDER_KEY, ANSWER, PROMPT)
    assert "The answer itself is not stored" in page
    assert "What it cost" in page
    assert ANSWER not in page


def test_neither_keys_nor_texts_enter_the_session(guide: Guide, provider: FakeProvider) -> None:
    provider.script(Scenario(text=ANSWER), "unauthorized")
    guide.send()
    guide.send()

    kept = str(dict(guide.django.session.items()))
    assert "onboarding" in kept
    for secret in (PROVIDER_KEY, guide.key, PROMPT, ANSWER):
        assert secret not in kept


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_simulation_calls_nobody_and_is_in_no_total(guide: Guide, provider: FakeProvider, name: str) -> None:
    response = guide.send(name, mode="simulate", provider_key="")

    page = words(response.text)
    assert "This is a simulated answer" in page
    assert "What it would have cost" in page
    assert "in no total" in page
    assert re.search(r"Total \d+ \$0\.0\d+", page)
    assert provider.log == []
    (record,) = guide.records()
    assert (record.state, record.cost_pico_usd) == ("simulated", 0)
    assert not reports.has_usage(guide.organization.pk)


def test_the_form_asks_before_anything_is_sent(guide: Guide, provider: FakeProvider) -> None:
    other = make_key()[1]
    revoked_record, revoked = make_key(make_team(guide.organization))
    keys.revoke(key=revoked_record)
    cases = {
        "Paste the key": {"platform_key": ""},
        "no AI Prompt Cost key": {"platform_key": PROVIDER_KEY},
        "does not belong to the organization": {"platform_key": other},
        "This key was revoked": {"platform_key": revoked},
        "or simulate the request instead": {"provider_key": " "},
        "This is your AI Prompt Cost key": {"provider_key": guide.key},
        "characters that no key has": {"provider_key": f"{PROVIDER_KEY}\r\nx-evil: 1"},
        "Choose the model from the list": {"model": "gpt-2"},
        "Enter the prompt": {"prompt": " "},
        "At most 2000 characters": {"prompt": "x" * 2001},
    }
    for expected, fields in cases.items():
        response = guide.send(**fields)
        assert expected in words(response.text), expected
        assert_private(response, PROVIDER_KEY, guide.key, revoked, other)
    assert provider.log == []
    assert not RefusedCall.objects.of(guide.organization.pk).exists()


def test_keys_are_typed_unseen_and_unremembered(guide: Guide) -> None:
    page = guide.get(guide.path("onboarding-prompt")).text

    for name in ("platform_key", "provider_key"):
        field = re.search(rf'<input [^>]*name="{name}"[^>]*>', page)
        assert field
        assert 'type="password"' in field[0]
        assert 'autocomplete="off"' in field[0]
        assert "value=" not in field[0]


def test_a_form_without_its_token_is_refused(guide: Guide, provider: FakeProvider) -> None:
    response = guide.session.post(guide.server.url + guide.path("onboarding-prompt"), data={"mode": "send"}, timeout=60)

    assert response.status_code == 403
    assert provider.log == []


# --- What may go wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "scenario", "title"),
    [
        ("openai", Scenario(status=401, error_code="invalid_api_key"), "OpenAI refused the provider key"),
        ("anthropic", "unauthorized", "Anthropic refused the provider key"),
        ("openai", "no-quota", "The account at OpenAI has no credit left"),
        ("openai", "not-found", "OpenAI does not offer this model to the key"),
        ("anthropic", "not-found", "Anthropic does not offer this model to the key"),
        ("openai", "rate-limited", "OpenAI asks for a pause"),
        ("openai", "forbidden", "OpenAI does not allow this to the key"),
        ("openai", "bad-request", "OpenAI did not accept the request"),
        ("anthropic", "overloaded", "Anthropic is overloaded"),
        ("openai", "server-error", "OpenAI failed"),
        ("openai", "silent", "OpenAI did not answer in time"),
        ("openai", "reset-before-headers", "OpenAI broke the connection off"),
        ("openai", "reset", "OpenAI broke the connection off"),
        ("openai", "html", "OpenAI broke the connection off"),
    ],
)
def test_what_the_provider_refuses_is_said_in_words(
    guide: Guide, provider: FakeProvider, name: str, scenario: Scenario | str, title: str
) -> None:
    provider.always(scenario)

    response = guide.send(name)

    assert response.status_code == 200
    assert title in words(response.text)
    assert PROMPT in html.unescape(response.text)  # in the form again, to be sent once more
    assert_private(response, PROVIDER_KEY, ANTHROPIC_KEY, guide.key, "sk-own-k")


def test_a_provider_that_is_away_is_told_from_one_that_refuses(server: ProxyServer, tmp_path: Path) -> None:
    with ProxyServer(settings_of_services(tmp_path)) as without_provider:
        response = Guide(without_provider).send()

    assert "OpenAI could not be reached" in words(response.text)


def test_what_a_provider_says_of_a_key_is_not_passed_on(guide: Guide, provider: FakeProvider) -> None:
    """OpenAI's message quotes the beginning and the end of the key."""
    response = guide.send(provider_key="sk-invalid-secret-1234")

    assert "OpenAI refused the provider key" in words(response.text)
    assert "1234" not in response.text
    assert "sk-inval" not in response.text


# --- Reading it back --------------------------------------------------------------------------------------------------


def test_a_cost_that_is_not_posted_yet_is_waited_for_within_bounds(guide: Guide) -> None:
    path = guide.path("onboarding-results", uuid4())

    page = guide.get(path).text
    assert f'hx-get="{path}?asked=0"' in page
    assert f'href="{path}"' in page
    part = guide.get(f"{path}?asked=7", **{"HX-Request": "true"}).text
    assert f'hx-get="{path}?asked=8"' in part
    assert "<html" not in part
    last = guide.get(f"{path}?asked=19", **{"HX-Request": "true"}).text
    assert "hx-get" not in last
    assert "The cost is not here yet" in words(last)
    assert f'href="{path}"' in last


def test_another_organizations_call_is_not_shown(guide: Guide, server: ProxyServer) -> None:
    other = Guide(server)
    other.send(mode="simulate")
    (record,) = other.records()

    assert "would have cost" in words(other.get(other.path("onboarding-results", record.pk)).text)
    page = words(guide.get(guide.path("onboarding-results", record.pk)).text)
    assert "would have cost" not in page
    assert guide.get(other.path("onboarding-results", record.pk)).status_code == 404


def test_a_call_from_this_page_gets_its_own_address(guide: Guide) -> None:
    """HTMX puts the answer into the page: reloading it then shows the cost, and asks for nothing twice."""
    guide.session.headers["HX-Request"] = "true"

    response = guide.send(mode="simulate")

    (record,) = guide.records()
    assert response.headers["HX-Push-Url"] == guide.path("onboarding-results", UUID(str(record.pk)))
