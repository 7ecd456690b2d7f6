"""The version comparison through its address: figures worked out by hand, for whom, and with few queries."""

import html
import re
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from analytics import reports, versions
from analytics.models.rollups import FIRST_TOKEN_COLUMNS, LATENCY_COLUMNS
from analytics.reports import Scope
from orgs.models import Organization, Team
from prompts import services
from prompts.models import Prompt
from tests.analytics.rollup_rows import spend
from tests.factories import make_member, make_organization, make_prompt, make_team, make_user, make_version
from tests.orgs.people import client_of

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

DASH = "\N{EN DASH}"
HTMX = {"HX-Request": "true", "HX-Target": "dialog"}


@pytest.fixture
def owner(client: Client) -> User:
    person = make_user()
    client.force_login(person)
    return person


@pytest.fixture
def acme(owner: User) -> Organization:
    return make_organization("Acme", owner=owner)


@pytest.fixture
def team(acme: Organization) -> Team:
    return make_team(acme)


def use(team: Team, usd: str, requests: int, **columns: Any) -> None:
    """Today, of the prompt "summarize" unless the columns name another."""
    spend(team, usd, requests, on=timezone.now().date().isoformat(), **({"prompt_key": "summarize"} | columns))


def address(organization: Organization, **parameters: str) -> str:
    return f"{reverse('versions', args=[organization.slug])}?{urlencode(parameters)}"


def read(client: Client, organization: Organization, headers: dict[str, str] | None = None, **parameters: str) -> str:
    """The page's text with tags and white space taken out."""
    response = client.get(address(organization, **parameters), headers=headers or {})
    assert response.status_code == 200
    return text_of(response.content.decode())


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_versions_stand_side_by_side_and_the_difference_is_said(client: Client, acme: Organization, team: Team) -> None:
    prompt = make_prompt(acme, "summarize", name="Summaries")
    make_version(prompt, model="gpt-4o", max_tokens=800, temperature=0.5)
    make_version(prompt, model="gpt-4o", max_tokens=400, activate=True)
    # gpt-4o: $2.50 and $10 for a million. 1,000 in and 500 out are $0.0075, with 250 out $0.005.
    use(team, "0.30", 40, version=1, input_tokens=40_000, output_tokens=20_000, model="gpt-4o-2024-08-06")
    use(
        team,
        "0.20",
        40,
        version=2,
        input_tokens=40_000,
        output_tokens=10_000,
        model="gpt-4o-2024-08-06",
        error_count=10,
    )
    use(make_team(name="stranger"), "99", 9, version=7)

    page = read(client, acme, prompt="summarize")

    assert "Compared with v2, the active version." in page
    assert "v1 costs 50 % more per request than v2: longer answers, same input." in page
    assert "Where +$0.0025 per request comes from" in page
    assert "Length of the answers 250 → 500 tokens +$0.0025 Difference per request +$0.0025" in page
    assert f"v2 Active 40 $0.20 $0.005 compared with 1,000 0 250 0 % {DASH} 20 % 10" in page
    assert f"v1 40 $0.30 $0.0075 +50 % +$0.0025 1,000 0 500 0 % {DASH} 0 %" in page
    assert page.index("v2 Active 40") < page.index("v1 40 $0.30")
    assert "v1 gpt-4o 0.5 800 gpt-4o-2024-08-06 40" in page
    assert "Drift" not in page
    assert "v7" not in page


def test_drift_and_unregistered_numbers_are_marked(client: Client, acme: Organization, team: Team) -> None:
    make_version(make_prompt(acme, "summarize"), model="gpt-4o")
    use(team, "0.10", 8, version=1, model="gpt-4o-2024-08-06")
    use(team, "0.10", 312, version=1, model="gpt-4o-mini")
    use(team, "0.10", 400, version=9, model="gpt-4o")
    use(team, "0.10", 5, version=0)

    page = read(client, acme, prompt="summarize")

    assert "Drift configured gpt-4o, but 312 of 320 requests were answered by gpt-4o-mini." in page
    assert "v9 Not registered 400" in page
    assert "Compared with v9, the version with the most requests: no version is active." in page
    assert "but from 5 requests: too few to judge." in page
    assert page.index("v9 Not registered 400") < page.index("v1 Drift 320") < page.index("no version 5")


def test_requests_without_a_price_are_left_out_of_the_average(client: Client, acme: Organization, team: Team) -> None:
    use(team, "0.40", 40, version=1, input_tokens=40_000)
    use(team, "0", 60, version=1, priced_count=0, unpriced_count=60, model="new", input_tokens=900_000)
    use(team, "0.80", 40, version=2, input_tokens=80_000)
    use(team, "0", 3, version=3, priced_count=0, unpriced_count=3, model="new")

    page = read(client, acme, prompt="summarize")

    assert "Compared with v2, the version with the most requests: no version is active." in page
    assert "v1 costs 50 % less per request than v2: shorter input." in page
    assert "Length of the input 2,000 → 1,000 tokens" in page
    assert "100 60 without a price $0.40 $0.01" in page
    assert "63 requests without a price are left out of the averages." in page
    assert "No request of v3 has a price, so its cost cannot be compared." in page
    assert "v3 Not registered 3 3 without a price no price" in page


def test_versions_alike_are_told_alike_where_half_of_the_requests_of_one_have_no_price(
    acme: Organization, team: Team
) -> None:
    use(team, "0.33", 120, version=1, input_tokens=120_000, output_tokens=12_000)
    half: dict[str, Any] = {"priced_count": 60, "unpriced_count": 60}
    use(team, "0.165", 120, version=2, input_tokens=120_000, output_tokens=12_000, **half)

    found = versions.compare(Scope(acme.pk, reports.ALL_TIME, prompt_key="summarize"), [], now=timezone.now()).lines

    (difference,) = [line.difference for line in found if line.difference]
    assert difference.pico_usd == 0
    assert not difference.causes


def test_a_mix_of_models_is_worth_what_it_cost_on_average(client: Client, acme: Organization, team: Team) -> None:
    """gpt-4o and gpt-4o-mini take $2.50 and $0.15 for a million tokens: three quarters and a quarter are $1.9125."""
    for version, tokens in ((1, 2_000), (2, 1_000)):
        for model, requests, rates, answer in (("gpt-4o", 30, (25, 100), 100), ("gpt-4o-mini", 10, (1.5, 6), 900)):
            columns = {"input_tokens": tokens * requests, "output_tokens": answer * requests}
            usd = sum(Decimal(rate) * count for rate, count in zip(rates, columns.values(), strict=True)) / 10**7
            use(team, str(usd), requests, version=version, model=model, **columns)
    services.activate(version=make_version(make_prompt(acme, "summarize"), number=2), by=None)

    page = read(client, acme, prompt="summarize")

    assert "v1 costs 68 % more per request than v2: longer input, same output." in page
    assert "Length of the input 1,000 → 2,000 tokens +$0.001912 Difference per request +$0.001912" in page


def test_the_parts_shown_add_up_to_the_difference_shown(acme: Organization, team: Team) -> None:
    tokens = [{"input_tokens": 977 * n, "cache_read_tokens": 331 * n * n, "output_tokens": 1013 * n} for n in (1, 2, 3)]
    for version, used in enumerate(tokens, 1):
        use(team, f"0.{version}00000000007", 30 + version, version=version, **used)
    scope = Scope(acme.pk, reports.ALL_TIME, prompt_key="summarize")

    found = versions.compare(scope, [], now=timezone.now()).lines

    compared = [line for line in found if line.difference]
    assert [len(line.parts) for line in compared] == [4, 4]
    for line in compared:
        assert sum(part.pico_usd for part in line.parts) == line.difference_pico_usd


def test_durations_are_estimates_from_the_histograms(client: Client, acme: Organization, team: Team) -> None:
    # Bucket 10 reaches from 724 to 1,024 ms: half of ten calls lie below its middle.
    use(team, "1", 10, version=1, **{LATENCY_COLUMNS[10]: 10, FIRST_TOKEN_COLUMNS[0]: 10})

    page = read(client, acme, prompt="summarize")

    assert "870 ms 1.0 s 16 ms 30 ms" in page
    assert "estimates from buckets" in page


def test_htmx_gets_the_dialogs_contents_and_a_link_to_the_page(client: Client, acme: Organization, team: Team) -> None:
    use(team, "1", 10, version=1, prompt_key='a/b "ü"')
    parameters = {"prompt": 'a/b "ü"', "range": "7d", "provider": "openai"}

    response = client.get(address(acme, **parameters), headers=HTMX)
    dialog = response.content.decode()
    page = client.get(address(acme, **parameters)).content.decode()

    assert "<html" not in dialog
    assert 'id="dialog-title"' in dialog
    assert "data-close" in dialog
    assert "HX-Request" in response.headers["Vary"]
    link = re.search(r'href="([^"]+)"[^>]*>Open as a page', dialog)
    assert link
    assert client.get(html.unescape(link[1])).content.decode().count("a/b &quot;ü&quot;") == page.count(
        "a/b &quot;ü&quot;"
    )
    assert "Provider: OpenAI" in text_of(dialog)
    assert "<html" in page
    # Another part of the page that is replaced by HTMX gets the page.
    assert "<html" in client.get(address(acme, **parameters), headers={**HTMX, "HX-Target": "page"}).content.decode()


def test_filters_narrow_the_comparison_and_bad_ones_are_told(client: Client, acme: Organization, team: Team) -> None:
    use(team, "1", 60, version=1)
    use(team, "2", 40, version=2)
    use(make_team(acme), "5", 40, version=3)

    assert "$5.00" not in read(client, acme, prompt="summarize", team=str(team.pk))
    one = read(client, acme, prompt="summarize", version="2")
    assert "Compared with v1" in one
    assert "$2.00" in one
    assert "$1.00" in one
    assert "$5.00" not in one
    wrong = read(client, acme, prompt="summarize", range="fortnight")
    assert "was left out." in wrong
    assert "$5.00" in wrong


@pytest.mark.parametrize("key", ["a/b", 'it\'s "quoted" & <b>', "señal-提示", "50%+?#x=1", "x" * 128])
def test_any_prompt_key_has_its_page(client: Client, acme: Organization, key: str) -> None:
    make_version(make_prompt(acme, key), model="gpt-4o")

    page = read(client, acme, prompt=key)

    assert f"Versions of {key}" in page
    assert "No request has named this prompt yet" in page
    assert "v1 gpt-4o" in page


def test_usage_without_a_prompt_key_is_called_unknown(client: Client, acme: Organization, team: Team) -> None:
    assert "Every request has named its prompt" in read(client, acme, prompt="unknown")
    use(team, "1", 4, version=0, prompt_key="")

    page = read(client, acme, prompt="unknown")

    assert "Versions of unknown" in page
    assert "No request names a version, and none was active: there is nothing to compare." in page
    assert "no version 4 $1.00 $0.25" in page


def test_a_prompt_that_was_used_on_other_days_says_so(client: Client, acme: Organization, team: Team) -> None:
    make_version(make_prompt(acme, "summarize"))
    spend(team, "1", 4, on="2024-02-29", prompt_key="summarize", version=1)

    page = read(client, acme, prompt="summarize")

    assert "No request in these days" in page
    assert "$1.00" in read(client, acme, prompt="summarize", start="2024-02-29", end="2024-02-29")


def test_without_a_prompt_the_page_asks_which(client: Client, acme: Organization) -> None:
    make_prompt(acme, "summarize")

    page = read(client, acme, range="7d")

    assert "Compare its versions" in page
    assert "summarize" in page
    assert "was left out." in read(client, acme, prompt="x" * 129)


def test_outsiders_and_other_organizations_prompts_are_not_found(
    client: Client, acme: Organization, team: Team
) -> None:
    elsewhere = make_organization("Elsewhere", owner=make_user())
    make_prompt(elsewhere, "secret")
    use(make_team(elsewhere), "1", 4, version=1, prompt_key="spent")
    use(team, "1", 4, version=1)

    assert client.get(address(acme, prompt="secret")).status_code == 404
    assert client.get(address(acme, prompt="spent")).status_code == 404
    assert client.get(address(acme, prompt="never-heard-of"), headers=HTMX).status_code == 404
    assert client.get(address(elsewhere, prompt="secret")).status_code == 404
    assert client_of(make_member(acme)).get(address(acme, prompt="summarize")).status_code == 200
    visitor = Client().get(address(acme, prompt="summarize"))
    assert visitor.status_code == 302
    assert "prompt%3Dsummarize" in visitor.headers["Location"]


def make_versions(prompt: Prompt, team: Team, number: int) -> None:
    for version in range(1, number + 1):
        made = make_version(prompt)
        use(team, "1", 40 + version, version=version, input_tokens=100_000)
        use(team, "1", 40, version=version, model="gpt-4o-mini", input_tokens=100_000)
    services.activate(version=made, by=None)


# Session, person, access, memberships of the switcher, the state of the e-mail address; four of the filter bar; prompt,
# active version, versions; the usage, the price book.
QUERIES = 5 + 5 + 3 + 2


@pytest.mark.parametrize("number", [1, 30])
def test_the_comparison_takes_the_same_queries_for_any_number_of_versions(
    client: Client, acme: Organization, team: Team, django_assert_num_queries: DjangoAssertNumQueries, number: int
) -> None:
    make_versions(make_prompt(acme, "summarize"), team, number)
    client.get(address(acme, prompt="summarize"))  # the session notes the organization

    with django_assert_num_queries(QUERIES):
        client.get(address(acme, prompt="summarize"))
    with django_assert_num_queries(QUERIES - 2):  # neither switcher nor banner
        client.get(address(acme, prompt="summarize"), headers=HTMX)
