"""People and requests who do the same to a prompt at the same moment: one of them is first, and all are told."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from prompts import services
from prompts.models import Prompt, PromptActivation, PromptVersion
from tests.analytics.at_once import threads, wait_for_waiting
from tests.factories import make_organization, make_prompt, make_version

pytestmark = [pytest.mark.production, pytest.mark.django_db(transaction=True)]

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_of_versions_activated_at_once_one_is_active_and_no_moment_has_two() -> None:
    prompt = make_prompt()
    versions = [make_version(prompt) for _ in range(4)]
    begin = Barrier(len(versions))

    def activate(version: PromptVersion) -> None:
        begin.wait(30)
        for round_ in range(10):
            services.activate(version=version, now=NOON + timedelta(seconds=round_))

    with threads(len(versions)) as start:
        for work in [start(activate, version=version) for version in versions]:
            work.result(timeout=60)

    spans = list(PromptActivation.objects.order_by("active_from", "id"))
    assert len(spans) >= len(versions)  # more where they took turns
    assert [span.active_until is None for span in spans] == [False] * (len(spans) - 1) + [True]
    for before, after in pairwise(spans):
        assert before.active_until == after.active_from
        assert before.version_id != after.version_id


def test_versions_added_at_once_get_numbers_of_their_own() -> None:
    prompt = make_prompt()
    begin = Barrier(4)

    def add() -> None:
        begin.wait(30)
        for _ in range(5):
            services.add_version(prompt=prompt, model="gpt-4o")

    with threads(4) as start:
        for work in [start(add) for _ in range(4)]:
            work.result(timeout=60)

    assert sorted(prompt.versions.values_list("number", flat=True)) == list(range(1, 21))


def test_whoever_takes_the_same_number_later_is_told() -> None:
    prompt = make_prompt()
    with threads(1) as start:
        with transaction.atomic():
            services.add_version(prompt=prompt, model="gpt-4o", number=3)
            second = start(services.add_version, prompt=prompt, model="gpt-4o", number=3)
            wait_for_waiting(1, "the second waits for the first")
        with pytest.raises(ValidationError, match="already has a version of that number"):
            second.result(timeout=60)

    assert prompt.versions.count() == 1


@pytest.mark.parametrize("is_by_request", [True, False])
def test_whoever_registers_the_same_key_later_is_led_to_the_first(is_by_request: bool) -> None:
    organization = make_organization()
    with threads(1) as start:
        with transaction.atomic():
            if is_by_request:
                services.register_unseen(organization_id=organization.pk, keys=["chat"], now=NOON)
            else:
                make_prompt(organization, "chat")
            second = start(services.create_prompt, organization=organization, key="chat")
            wait_for_waiting(1, "the second waits for the first")
        with pytest.raises(services.KeyTaken) as refusal:
            second.result(timeout=60)

    assert refusal.value.prompt == Prompt.objects.get()


def test_a_version_is_not_activated_while_its_prompt_is_being_archived() -> None:
    version = make_version()
    with threads(1) as start:
        with transaction.atomic():
            services.archive(prompt=version.prompt, now=NOON)
            activating = start(services.activate, version=version, now=NOON)
            wait_for_waiting(1, "activating waits for archiving")
        with pytest.raises(ValidationError, match="archived"):
            activating.result(timeout=60)

    assert not PromptActivation.objects.exists()
