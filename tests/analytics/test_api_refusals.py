"""Who may ask, and which questions are refused rather than answered with another question's numbers."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.db import OperationalError, connection
from django.test import Client

from accounts.models import User
from orgs import keys as key_texts
from orgs.models import Organization
from orgs.services import keys, organizations
from tests.analytics.aggregations import ENDPOINTS, Issued, ask, found, read, refusal, send
from tests.analytics.rollup_rows import FEBRUARY, spend
from tests.analytics.test_periods import NOT_A_DATE
from tests.factories import make_member

pytestmark = [pytest.mark.trial, pytest.mark.django_db, pytest.mark.parametrize("endpoint", ENDPOINTS)]


@pytest.fixture
def example() -> Issued:
    return found()


def signed_in(*member_of: Organization, **user_fields: Any) -> Client:
    user = User.objects.create_user("ada@example.com", **user_fields)
    for organization in member_of:
        make_member(organization, user)
    client = Client()
    client.force_login(user)
    return client


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_a_key_reads_its_whole_organization(endpoint: str, example: Issued) -> None:
    spend(example.key, "1", prompt_key="summarizer")
    spend(example.key, "2", prompt_key="summarizer", team_id=example.team.pk + 1)
    assert ask(endpoint, example.text, **FEBRUARY)["total_cost"] == 3


def test_a_key_is_taken_from_x_api_key_too(endpoint: str, example: Issued) -> None:
    assert send(endpoint, "", FEBRUARY, headers={"X-Api-Key": example.text}).status_code == 200


def test_without_a_key_nothing_is_answered(endpoint: str, example: Issued) -> None:
    answer = send(endpoint, "", {})
    assert refusal(answer) == (401, "not_authenticated", None)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_unknown_key_is_refused(endpoint: str) -> None:
    for text in (key_texts.generate(), "apc_tooshort", "apc_", "sk-proj-something", "päss", "apc_\x00"):
        answer = send(endpoint, text, {})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert read(answer)["error"]["code"] in {"invalid_platform_key", "not_authenticated"}


def test_a_revoked_key_is_refused(endpoint: str, example: Issued) -> None:
    assert send(endpoint, example.text, {}).status_code == 200
    keys.revoke(key=example.key)
    answer = send(endpoint, example.text, {})
    assert refusal(answer) == (401, "revoked_platform_key", None)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_suspended_organization_is_refused_by_key_and_by_session(endpoint: str, example: Issued) -> None:
    member = signed_in(example.organization)
    organizations.suspend(organization=example.organization)
    assert refusal(send(endpoint, example.text, {})) == (403, "organization_suspended", None)
    assert refusal(send(endpoint, "", {}, client=member)) == (403, "organization_suspended", None)


def test_a_key_may_name_its_organization_and_no_other(endpoint: str, example: Issued) -> None:
    stranger = found("Stranger")
    assert ask(endpoint, example.text, organization="example")["organization"] == "example"
    for slug in (stranger.organization.slug, "no-such", "Example", "exa\x00mple", "../example"):
        answer = send(endpoint, example.text, {"organization": slug})
        assert refusal(answer) == (404, "organization_not_found", "organization")


# --- Sessions ---------------------------------------------------------------------------------------------------------


def test_a_member_reads_the_only_organization_without_naming_it(endpoint: str, example: Issued) -> None:
    spend(example.key, "2", prompt_key="summarizer")
    answer = send(endpoint, "", FEBRUARY, client=signed_in(example.organization))
    assert read(answer)["total_cost"] == 2


def test_a_member_of_several_organizations_says_which(endpoint: str, example: Issued) -> None:
    second = found("Second")
    spend(example.key, "2", prompt_key="summarizer")
    spend(second.key, "5", prompt_key="summarizer")
    member = signed_in(example.organization, second.organization)
    assert refusal(send(endpoint, "", FEBRUARY, client=member)) == (400, "missing_parameter", "organization")
    for slug, cost in (("example", 2), ("second", 5)):
        answer = read(send(endpoint, "", {**FEBRUARY, "organization": slug}, client=member))
        assert (answer["organization"], answer["total_cost"]) == (slug, cost)


def test_an_outsider_learns_nothing_not_even_staff(endpoint: str, example: Issued) -> None:
    outsider = signed_in(found("Elsewhere").organization, is_staff=True, is_superuser=True)
    for slug in ("example", "no-such", "exa\x00mple"):
        answer = send(endpoint, "", {"organization": slug}, client=outsider)
        assert refusal(answer) == (404, "organization_not_found", "organization")


def test_whoever_is_in_no_organization_finds_none(endpoint: str, example: Issued) -> None:
    answer = send(endpoint, "", {}, client=signed_in())
    assert refusal(answer) == (404, "organization_not_found", "organization")


def test_a_key_goes_before_a_session(endpoint: str, example: Issued) -> None:
    second = found("Second")
    answer = send(endpoint, second.text, {}, client=signed_in(example.organization))
    assert read(answer)["organization"] == "second"


# --- Parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameter", ["start", "end"])
def test_what_is_no_date_is_refused_by_name(endpoint: str, parameter: str, example: Issued) -> None:
    for text in NOT_A_DATE:
        assert refusal(send(endpoint, example.text, {parameter: text})) == (400, "invalid_parameter", parameter), text


def test_a_start_after_the_end_is_refused(endpoint: str, example: Issued) -> None:
    answer = send(endpoint, example.text, {"start": "2026-02-02", "end": "2026-02-01"})
    assert refusal(answer) == (400, "invalid_parameter", "start")


@pytest.mark.parametrize("provider", ["", "OpenAI", "mistral", "openai,anthropic", "openai\x00"])
def test_an_unknown_provider_is_refused(endpoint: str, provider: str, example: Issued) -> None:
    assert refusal(send(endpoint, example.text, {"provider": provider})) == (400, "invalid_parameter", "provider")


def test_an_unknown_parameter_is_refused_rather_than_ignored(endpoint: str, example: Issued) -> None:
    for name in ("team", "from", "Start", "formats", "start ", "page"):
        assert refusal(send(endpoint, example.text, {name: "1"})) == (400, "unknown_parameter", name)


@pytest.mark.parametrize("name", ["start", "provider", "organization"])
def test_a_parameter_given_twice_is_refused(endpoint: str, name: str, example: Issued) -> None:
    value = {"start": "2026-02-01", "provider": "openai", "organization": "example"}[name]
    query = f"{name}={value}&{name}={value}" + ("&prompt_key=a" if endpoint == "version-comparison" else "")
    assert refusal(send(endpoint, example.text, query)) == (400, "repeated_parameter", name)


def test_an_empty_organization_is_refused(endpoint: str, example: Issued) -> None:
    assert refusal(send(endpoint, example.text, {"organization": ""})) == (400, "invalid_parameter", "organization")


def test_a_prompt_key_is_asked_for_where_versions_are_compared(endpoint: str, example: Issued) -> None:
    if endpoint != "version-comparison":
        expected = (400, "unknown_parameter", "prompt_key")
        assert refusal(send(endpoint, example.text, "prompt_key=a")) == expected
        return
    for query in ("", "prompt_key=", "prompt_key=%20", "provider=openai"):
        assert refusal(send(endpoint, example.text, query)) == (400, "missing_parameter", "prompt_key")
    for text in ("a" * 129, "a\x00b", "a\nb"):
        answer = send(endpoint, example.text, f"prompt_key={quote(text)}")
        assert refusal(answer) == (400, "invalid_parameter", "prompt_key")
    for text in ("a" * 128, "ключ/é 🙂", "%", "' OR 1=1 --", " spaced "):
        assert ask(endpoint, example.text, prompt_key=text)["prompt_key"] == text.strip()
    assert send(endpoint, example.text, "prompt_key=%ff%ed%a0%80").status_code == 200


# --- Methods, paths, faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_written(endpoint: str, method: str, example: Issued) -> None:
    answer = send(endpoint, example.text, FEBRUARY, method=method)
    assert refusal(answer) == (405, "method_not_allowed", None)
    assert set(answer.headers["Allow"].split(", ")) <= {"GET", "HEAD", "OPTIONS"}


def test_head_and_options_are_answered(endpoint: str, example: Issued) -> None:
    head = send(endpoint, example.text, FEBRUARY, method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert send(endpoint, example.text, FEBRUARY, method="OPTIONS").status_code == 200


def test_another_path_says_which_there_are(endpoint: str, example: Issued) -> None:
    for path in (f"{endpoint}s", f"{endpoint}/2026", f"{endpoint}%0A", endpoint.upper(), ""):
        answer = send(path, example.text, "")
        assert refusal(answer) == (404, "not_found", None)
        assert endpoint in read(answer)["error"]["message"]


@pytest.fixture
def absent_database() -> Iterator[None]:
    """Every statement fails as it does when the server is gone."""

    def fail(*_: object) -> None:
        raise OperationalError("the connection is closed")

    with connection.execute_wrapper(fail):
        yield


def test_a_database_that_is_away_is_worth_another_try(endpoint: str, example: Issued, absent_database: None) -> None:
    answer = send(endpoint, example.text, FEBRUARY)
    assert refusal(answer) == (503, "unavailable", None)
    assert int(answer.headers["Retry-After"]) > 0
