"""The prompt builder through its addresses: code for what is typed, estimates by hand, and nothing typed is kept."""

import html
import logging
import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from orgs.models import Organization
from prompts import services
from prompts.snippets import KEY_PLACEHOLDER, LANGUAGES
from tests.analytics.rollup_rows import spend
from tests.factories import make_member, make_organization, make_prompt, make_team, make_user, make_version
from tests.pages.error_reports import reports_of

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

URL = "https://costs.example.com"
HTMX = {"HX-Request": "true"}
TRICKY = "</script><b>'\"$HOME {{ x }} 😀"
SECRET = "the-words-of-somebody"


@pytest.fixture
def acme(client: Client, settings: LazySettings) -> Organization:
    """Whose owner is signed in."""
    settings.PUBLIC_URL = URL
    person = make_user()
    client.force_login(person)
    return make_organization("Acme", owner=person)


def show(client: Client, acme: Organization, headers: dict[str, str] | None = None, **query: str) -> HttpResponse:
    return client.get(reverse("builder", args=[acme.slug]), query, headers=headers or {})  # type: ignore[return-value]


def ask(client: Client, acme: Organization, **typed: str) -> str:
    """The part of the page that answers what is being typed."""
    data = {"provider": "openai", "model": "gpt-4o-mini", "language": "python", "kind": "requests"}
    response = client.post(reverse("builder-code", args=[acme.slug]), data | typed, headers=HTMX)
    assert response.status_code == 200
    return response.content.decode()


def code_of(page: str) -> str:
    found = re.search(r'<code id="builder-code">(.*?)</code>', page, re.DOTALL)
    assert found
    return html.unescape(re.sub(r"<[^>]*>", "", found[1]))


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


# --- The page ---------------------------------------------------------------------------------------------------------


def test_the_page_begins_with_code_that_names_this_installation_and_no_key(client: Client, acme: Organization) -> None:
    page = show(client, acme).content.decode()

    assert f"{URL}/api/proxy/v1/openai" in code_of(page)
    assert 'os.environ["AIPROMPTCOST_API_KEY"]' in code_of(page)
    assert KEY_PLACEHOLDER not in page
    for label, _ in LANGUAGES.values():
        assert f"<span>{label}</span>" in page
    assert re.search(r'<option value="gpt-4o-mini">\$0.15 in, \$0.60 out per million tokens</option>', page)
    assert '<option value="claude-haiku-4-5">' in page
    assert "$0.15 in, $0.60 out, per million tokens" in page


def test_no_id_is_there_twice(client: Client, acme: Organization) -> None:
    ids = re.findall(r'\sid="([^"]+)"', show(client, acme).content.decode())

    assert len(ids) == len(set(ids))


def test_it_opens_in_a_dialog_with_the_prompts_key(client: Client, acme: Organization) -> None:
    response = show(client, acme, HTMX, prompt="größe")
    page = response.content.decode()

    assert "<html" not in page
    assert '<h2 id="dialog-title">Prompt builder</h2>' in page
    assert '"prompt_key": "größe"' in code_of(page)
    assert "css/builder.css" in page
    assert "HX-Request" in response.headers["Vary"]


def test_a_prompt_brings_what_its_active_version_is_configured_as(client: Client, acme: Organization) -> None:
    prompt = make_prompt(acme, "summarize")
    make_version(prompt, model="gpt-4o", number=1, temperature=0.5)
    active = make_version(prompt, model="claude-opus-5", number=2, max_tokens=77)
    services.activate(version=active)
    make_prompt(acme, "other")

    page = show(client, acme, prompt="summarize").content.decode()
    assert '"claude-opus-5"' in code_of(page)
    assert "max_tokens=77" in code_of(page)
    assert "version" not in code_of(page)
    assert "Version 2 is active" in page
    assert '<option value="1">gpt-4o</option><option value="2">' not in page
    assert '<option value="2">claude-opus-5, active</option><option value="1">gpt-4o</option>' in page
    assert '<option value="other">' in page
    older = code_of(show(client, acme, prompt="summarize", version="1").content.decode())
    assert "temperature=0.5" in older
    assert '"version": 1' in older


def test_other_peoples_prompts_are_not_suggested(client: Client, acme: Organization) -> None:
    make_prompt(make_organization("Elsewhere"), "their-secret")

    assert "their-secret" not in show(client, acme).content.decode()


@pytest.mark.parametrize("version", ["x", "-1", "99999999999999999999", "²"])
def test_a_version_that_is_none_is_passed_over(client: Client, acme: Organization, version: str) -> None:
    assert show(client, acme, prompt="x", version=version).status_code == 200


# --- While one types --------------------------------------------------------------------------------------------------


def test_the_code_says_what_is_typed_in_the_language_that_is_chosen(client: Client, acme: Organization) -> None:
    page = ask(client, acme, language="go", prompt=TRICKY, feature_tags="a, b", version="3", stream="on")

    assert "<html" not in page
    assert 'id="builder"' in page
    assert code_of(page).startswith("package main")
    assert r"</script><b>'\"$HOME {{ x }} 😀" in code_of(page)
    assert '"feature_tags": ["a", "b"]' in code_of(page)
    assert '"stream": true' in code_of(page)
    assert "</script><b>" not in page


def test_a_field_that_a_model_refuses_is_off_and_says_why(client: Client, acme: Organization) -> None:
    page = ask(client, acme, model="gpt-5-mini", temperature="0.5")

    assert "temperature" not in code_of(page)
    assert "gpt-5-mini reasons before it answers" in text_of(page)
    assert re.search(r'<input[^>]*name="temperature"[^>]*readonly', page)
    assert "temperature" in code_of(ask(client, acme, model="gpt-4.1", temperature="0.5"))


def test_what_is_wrong_is_said_beside_its_field(client: Client, acme: Organization) -> None:
    page = ask(client, acme, temperature="3", version="0", prompt_key="unknown")

    assert "The temperature is a number from 0 to 2" in text_of(page)
    assert "“unknown” stands for no prompt" in text_of(page)
    assert "What is marked on the form is not in the code yet." in text_of(page)
    assert "_aipromptcost" not in code_of(page)


@pytest.mark.parametrize("typed", [{"language": "cobol"}, {"provider": "x"}, {"kind": "telnet"}, {"model": "\0"}, {}])
def test_nonsense_gets_code_all_the_same(client: Client, acme: Organization, typed: dict[str, str]) -> None:
    assert "api/proxy" in code_of(ask(client, acme, **typed))


def test_without_scripts_the_answer_is_a_page_and_reloading_leads_to_the_form(
    client: Client, acme: Organization
) -> None:
    address = reverse("builder-code", args=[acme.slug])
    page = client.post(address, {"provider": "anthropic", "language": "bash", "prompt": TRICKY}).content.decode()

    assert "<html" in page
    assert code_of(page).startswith(f"curl {URL}/api/proxy/v1/anthropic/messages")
    assert client.get(address).headers["Location"] == reverse("builder", args=[acme.slug])


def test_the_code_is_downloaded_as_a_file(client: Client, acme: Organization) -> None:
    data = {"provider": "openai", "language": "typescript", "prompt_key": "a\nb", "prompt": TRICKY, "download": "1"}
    response = client.post(reverse("builder-code", args=[acme.slug]), data | {"prompt_key": 'say "hi"'})

    assert response.headers["Content-Disposition"] == 'attachment; filename="say-hi-request.mts"'
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert "</script><b>" in response.content.decode()
    assert response.content.endswith(b";\n")


def test_typing_needs_the_forms_token(acme: Organization) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(acme.memberships.get().user)

    assert strict.post(reverse("builder-code", args=[acme.slug]), {"prompt": "x"}).status_code == 403


# --- The estimate -----------------------------------------------------------------------------------------------------


def use(acme: Organization, requests: int, **columns: Any) -> None:
    today = timezone.now().date().isoformat()
    spend(make_team(acme), "1", requests, on=today, prompt_key="summarize", **columns)


def test_an_estimate_goes_by_what_the_prompts_calls_really_used(client: Client, acme: Organization) -> None:
    """Three calls: 301 tokens in, of which 100 cached, and 50 out; gpt-4o-mini at $0.15, $0.075 and $0.60 a million."""
    use(acme, 3, input_tokens=604, cache_read_tokens=300, output_tokens=150, model="gpt-4o")

    page = ask(client, acme, prompt_key="summarize")
    # 201 x 0.15 + 100 x 0.075 + 50 x 0.60 = 67.65 dollars per million calls
    assert 'title="$0.00006765">$0.00006765</dd>' in page
    assert 'title="$0.06765">$0.06765</dd>' in page
    assert 'placeholder="301"' in page
    assert (
        "The average of 3 calls of summarize in the last 30 days, 100 of the tokens in read from the cache."
        in text_of(page)
    )


def test_tokens_that_are_typed_go_before(client: Client, acme: Organization) -> None:
    use(acme, 2, input_tokens=200, output_tokens=20)

    page = ask(client, acme, prompt_key="summarize", input_tokens="1000000")
    # 1,000,000 x 0.15 + 10 x 0.60 dollars a million
    assert 'title="$0.150006"' in page
    assert "By the tokens that you typed; measured are 100 in, 10 out." in text_of(page)
    assert "Write whole numbers of tokens" in text_of(ask(client, acme, input_tokens="many"))


def test_without_calls_the_assumption_is_said(client: Client, acme: Organization) -> None:
    page = ask(client, acme, prompt_key="new")

    assert "An assumption, until there are calls to measure under this key." in text_of(page)
    assert 'title="$0.33"' in page  # 1,000 x (1,000 x 0.15 + 300 x 0.60) / 1,000,000


def test_a_model_without_a_price_has_none(client: Client, acme: Organization) -> None:
    page = ask(client, acme, model="our-own-model")

    assert page.count(">no price</dd>") == 2
    assert "$0.00" not in page
    assert "No price is known for this model" in page


# --- Who, and how many questions to the database ----------------------------------------------------------------------


def test_members_may_build_and_nobody_else(client: Client, acme: Organization) -> None:
    addresses = [reverse(name, args=[acme.slug]) for name in ("builder", "import")]
    posts = [reverse(name, args=[acme.slug]) for name in ("builder-code", "import")]
    for person, status in ((make_member(acme), 200), (make_user(), 404), (None, 302)):
        client.logout()
        if person:
            client.force_login(person)
        assert [client.get(address).status_code for address in addresses] == [status] * 2
        assert [client.post(address, {"prompt": "x"}).status_code for address in posts] == [status] * 2


def test_typing_costs_few_queries(
    client: Client, acme: Organization, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        make_version(make_prompt(acme, f"key-{number}"), number=1)
    ask(client, acme)
    with django_assert_max_num_queries(9):
        ask(client, acme, prompt_key="key-3")


# --- What is typed is kept nowhere ------------------------------------------------------------------------------------


def test_what_is_typed_enters_no_log_no_session_and_no_address(
    client: Client, acme: Organization, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        page = ask(client, acme, system=SECRET, prompt=SECRET)

    assert SECRET in page
    assert SECRET not in caplog.text
    assert all(SECRET not in str(session.get_decoded()) for session in Session.objects.all())
    assert not re.search(rf'(?:href|action|hx-get|hx-post|hx-push-url)="[^"]*{SECRET}', page)
    assert 'method="post"' in page
    assert "hx-get" not in page


@pytest.mark.parametrize("place", ["snippets.render", "builder_facts.gather", "BuilderForm.is_valid"])
def test_a_report_of_an_error_leaves_out_what_was_typed(
    client: Client, acme: Organization, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """As whoever watches for errors gets it: the request with its parameters, and the frames with their variables."""

    def fail(*given: Any, **named: Any) -> None:
        raise RuntimeError(f"at fault with {given} {named}" if place != "builder_facts.gather" else "no database")

    monkeypatch.setattr(f"prompts.views.builder.{place}", fail)
    seen = reports_of(client, monkeypatch, reverse("builder-code", args=[acme.slug]), prompt=SECRET, system=SECRET)

    assert "RuntimeError" in seen
    assert SECRET not in seen
