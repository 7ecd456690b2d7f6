"""Prompts, versions and activations: what people do, and what the ledger asks."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from pytest_django import DjangoAssertNumQueries

from orgs.models import AuditEntry
from prompts import services
from prompts.models import Prompt, PromptActivation
from proxy.body import metadata_of_headers
from tests.factories import make_organization, make_prompt, make_user, make_version

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def active_number(prompt: Prompt, moment: datetime) -> int | None:
    pair = (prompt.key, moment)
    return services.resolve_versions(organization_id=prompt.organization_id, wanted=[pair]).get(pair)


# People


def test_a_prompt_is_made_once_per_key_and_organization() -> None:
    organization, person = make_organization(), make_user()

    prompt = services.create_prompt(organization=organization, key=" summarizer ", name="Summarizer", by=person)

    assert (prompt.key, str(prompt), prompt.is_auto_created) == ("summarizer", "Summarizer", False)
    assert AuditEntry.objects.get(action="prompt.created").actor == person
    with pytest.raises(ValidationError, match="already has a prompt"):
        services.create_prompt(organization=organization, key="summarizer")
    assert services.create_prompt(organization=make_organization(), key="summarizer").key == "summarizer"


@pytest.mark.parametrize("key", ["", "  ", "unknown", "(other)", "x" * 129, "a\x00b", "a\nb", "a\u2028b"])
def test_a_key_that_names_no_prompt_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        services.create_prompt(organization=make_organization(), key=key)


@pytest.mark.parametrize(
    "key", ["a/b?c=d&e#f", "say \"hi\", 'you'", "r\u00e9sum\u00e9", "日本語", "👩‍👩‍👧", "a\u00a0b", "é" * 128]
)
def test_people_can_register_every_key_that_requests_can_name(key: str) -> None:
    assert metadata_of_headers(f" {key} ", None, None).prompt_key == key
    assert services.create_prompt(organization=make_organization(), key=f" {key} ").key == key


def test_a_taken_key_names_its_prompt() -> None:
    prompt = make_prompt(key="chat")
    services.archive(prompt=prompt)

    with pytest.raises(services.KeyTaken, match="It is archived") as refusal:
        services.create_prompt(organization=prompt.organization, key="chat")

    assert refusal.value.prompt == prompt


def test_what_a_request_made_is_somebodys_once_it_is_described() -> None:
    organization, person = make_organization(), make_user()
    services.register_unseen(organization_id=organization.pk, keys=["chat"], now=NOON)
    prompt = Prompt.objects.get()

    services.describe(prompt=prompt, name="", description="", by=person)
    assert not Prompt.objects.get().is_auto_created
    assert not AuditEntry.objects.filter(action="prompt.changed").exists()
    services.describe(prompt=prompt, name=" Chat  replies ", description="For customers.", by=person)
    services.describe(prompt=prompt, name="Chat replies", description="For customers.")

    assert (prompt.name, prompt.description, prompt.is_auto_created) == ("Chat replies", "For customers.", False)
    assert AuditEntry.objects.get(action="prompt.changed").details == {"fields": "name, description"}
    with pytest.raises(ValidationError):
        services.describe(prompt=prompt, name="x" * 201, description="")


def test_the_next_number_is_given_only_to_who_knows_the_latest() -> None:
    prompt = make_prompt()

    services.add_version(prompt=prompt, model="gpt-4o", latest=0)

    with pytest.raises(ValidationError, match="Version 1 was added meanwhile"):
        services.add_version(prompt=prompt, model="gpt-4o", latest=0)
    assert services.add_version(prompt=prompt, model="gpt-4o", latest=1).number == 2
    services.add_version(prompt=prompt, model="gpt-4o", number=2**31 - 1)
    with pytest.raises(ValidationError, match="The highest number is taken"):
        services.add_version(prompt=prompt, model="gpt-4o")


def test_versions_are_numbered_from_one_and_numbers_can_be_chosen() -> None:
    prompt = make_prompt()

    numbers = [services.add_version(prompt=prompt, model="gpt-4o", number=number).number for number in (None, 7, None)]

    assert numbers == [1, 7, 8]
    with pytest.raises(ValidationError, match="already has a version"):
        services.add_version(prompt=prompt, model="gpt-4o", number=7)


@pytest.mark.parametrize(
    "values",
    [{"number": 0}, {"number": 2**31}, {"model": " "}, {"temperature": -0.1}, {"temperature": 2.1}, {"max_tokens": 0}],
)
def test_a_version_with_impossible_values_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        services.add_version(prompt=make_prompt(), **{"model": "gpt-4o", **values})  # type: ignore[arg-type]


def test_activating_a_version_closes_the_one_before_without_a_gap() -> None:
    prompt = make_prompt()
    make_version(prompt, activate=True, now=NOON)
    second = make_version(prompt)

    services.activate(version=second, now=NOON + HOUR)

    before, since = PromptActivation.objects.order_by("active_from")
    assert (before.active_from, before.active_until) == (NOON, NOON + HOUR)
    assert (since.version, since.active_from, since.active_until) == (second, NOON + HOUR, None)


def test_activating_the_active_version_changes_nothing() -> None:
    version = make_version(activate=True, now=NOON)

    again = services.activate(version=version, now=NOON + HOUR)

    assert again == PromptActivation.objects.get()
    assert again.active_from == NOON


def test_deactivating_leaves_no_version_active() -> None:
    prompt = make_prompt()
    version = make_version(prompt, activate=True, now=NOON)

    services.deactivate(prompt=prompt, now=NOON + HOUR)
    services.deactivate(prompt=prompt, now=NOON + 2 * HOUR)

    assert active_number(prompt, NOON + HOUR - timedelta(microseconds=1)) == version.number
    assert active_number(prompt, NOON + HOUR) is None
    assert AuditEntry.objects.filter(action="prompt.version_deactivated").count() == 1


def test_a_process_whose_clock_is_behind_makes_no_overlap() -> None:
    prompt = make_prompt()
    first, second = make_version(prompt), make_version(prompt)
    services.activate(version=first, now=NOON)

    services.activate(version=second, now=NOON - HOUR)
    services.deactivate(prompt=prompt, now=NOON + HOUR)
    services.activate(version=first, now=NOON)

    assert active_number(prompt, NOON - HOUR) is None
    assert active_number(prompt, NOON) == second.number
    assert active_number(prompt, NOON + HOUR) == first.number


def test_an_archived_prompt_has_no_active_version_and_gets_none() -> None:
    prompt = make_prompt()
    version = make_version(prompt, activate=True, now=NOON)

    services.archive(prompt=prompt, now=NOON + HOUR)
    services.archive(prompt=prompt, now=NOON + 2 * HOUR)

    assert prompt.archived_at == NOON + HOUR
    assert active_number(prompt, NOON + HOUR) is None
    assert not Prompt.objects.current().exists()
    for act in (
        lambda: services.activate(version=version),
        lambda: services.add_version(prompt=prompt, model="gpt-4o"),
    ):
        with pytest.raises(ValidationError, match="archived"):
            act()


def test_a_restored_prompt_is_current_without_an_active_version() -> None:
    version = make_version(activate=True, now=NOON)
    prompt = version.prompt
    services.archive(prompt=prompt, now=NOON + HOUR)

    services.restore(prompt=prompt)
    services.restore(prompt=prompt)

    assert (prompt.is_archived, active_number(prompt, NOON + HOUR)) == (False, None)
    assert active_number(prompt, NOON) == 1
    assert AuditEntry.objects.filter(action="prompt.restored").count() == 1
    services.activate(version=version, now=NOON + 2 * HOUR)
    assert active_number(prompt, NOON + 2 * HOUR) == 1


# The ledger


def test_the_version_of_a_moment_is_found_for_many_prompts_in_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    organization = make_organization()
    first, second, idle = (make_prompt(organization, key) for key in ("first", "second", "idle"))
    make_version(first, activate=True, now=NOON)
    make_version(first, activate=True, now=NOON + HOUR)
    make_version(second, number=40, activate=True, now=NOON)
    make_version(idle)
    make_version(make_prompt(key="first"), number=99, activate=True, now=NOON - HOUR)
    moments = [NOON - HOUR, NOON, NOON + HOUR, NOON + 2 * HOUR]
    wanted = [(key, moment) for key in ("first", "second", "idle", "nowhere") for moment in moments]

    with django_assert_num_queries(1):
        found = services.resolve_versions(organization_id=organization.pk, wanted=wanted)

    assert found == {
        ("first", NOON): 1,
        ("first", NOON + HOUR): 2,
        ("first", NOON + 2 * HOUR): 2,
        ("second", NOON): 40,
        ("second", NOON + HOUR): 40,
        ("second", NOON + 2 * HOUR): 40,
    }


def test_nothing_wanted_costs_no_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert services.resolve_versions(organization_id=1, wanted=[]) == {}
        assert services.known_keys(organization_id=1, keys=[]) == set()
        assert services.register_unseen(organization_id=1, keys=["", "unknown"], now=NOON) == set()


def test_unseen_keys_are_registered_once() -> None:
    prompt = make_prompt(key="known")
    organization_id = prompt.organization_id

    made = services.register_unseen(organization_id=organization_id, keys=["new", "known", "ähnlich", "new"], now=NOON)
    again = services.register_unseen(organization_id=organization_id, keys=["new", "newer"], now=NOON + HOUR)

    assert (made, again) == ({"new", "ähnlich"}, {"newer"})
    registered = Prompt.objects.get(key="new")
    assert (registered.is_auto_created, registered.created_at, str(registered)) == (True, NOON, "new")
    known = services.known_keys(organization_id=organization_id, keys=["known", "new", "ähnlich", "never"])
    assert known == {"known", "new", "ähnlich"}


def test_more_keys_than_one_statement_holds_are_registered() -> None:
    organization = make_organization()
    keys = {f"key-{number}" for number in range(1201)}

    assert services.register_unseen(organization_id=organization.pk, keys=keys, now=NOON) == keys
    assert Prompt.objects.of(organization.pk).count() == 1201


def test_the_keys_of_another_organization_are_unseen_here() -> None:
    make_prompt(key="shared")
    organization = make_organization()

    assert services.known_keys(organization_id=organization.pk, keys=["shared"]) == set()
    assert services.register_unseen(organization_id=organization.pk, keys=["shared"], now=NOON) == {"shared"}


def test_only_what_requests_made_counts_for_the_daily_cap() -> None:
    prompt = make_prompt()
    organization_id = prompt.organization_id
    services.register_unseen(organization_id=organization_id, keys=["early"], now=NOON - HOUR)
    services.register_unseen(organization_id=organization_id, keys=["late", "later"], now=NOON)

    assert services.count_auto_created_since(organization_id=organization_id, since=NOON) == 2


def test_an_archived_prompt_stays_known_to_the_ledger() -> None:
    prompt = make_prompt(key="old")
    services.archive(prompt=prompt)

    assert services.known_keys(organization_id=prompt.organization_id, keys=["old"]) == {"old"}
    assert services.register_unseen(organization_id=prompt.organization_id, keys=["old"], now=NOON) == set()
