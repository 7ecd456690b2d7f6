"""What the database itself refuses about prompts, whoever writes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from prompts.models import Prompt, PromptActivation, PromptVersion
from tests.factories import make_prompt, make_version

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def assert_refused(model: Any, /, **values: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.create(**values)


def test_prompt_keys_are_unique_and_name_a_prompt() -> None:
    prompt = make_prompt()

    for key in (prompt.key, "", "unknown"):
        assert_refused(Prompt, organization=prompt.organization, key=key)


def test_version_numbers_are_positive_and_unique() -> None:
    version = make_version()

    for number in (version.number, 0):
        assert_refused(PromptVersion, prompt=version.prompt, number=number, model="gpt-4o")
    assert_refused(PromptVersion, prompt=version.prompt, number=2, model="")
    assert_refused(PromptVersion, prompt=version.prompt, number=2, model="gpt-4o", temperature=2.5)
    assert_refused(PromptVersion, prompt=version.prompt, number=2, model="gpt-4o", max_tokens=0)


def test_at_most_one_activation_of_a_prompt_is_open() -> None:
    version = make_version(activate=True, now=NOON)
    other = make_version(version.prompt)

    assert_refused(PromptActivation, prompt=version.prompt, version=other, active_from=NOON)
    PromptActivation.objects.create(prompt=version.prompt, version=other, active_from=NOON, active_until=NOON)


def test_an_activation_never_ends_before_it_began() -> None:
    version = make_version()

    assert_refused(
        PromptActivation,
        prompt=version.prompt,
        version=version,
        active_from=NOON,
        active_until=NOON - timedelta(microseconds=1),
    )


def test_prompts_with_versions_cannot_be_deleted() -> None:
    version = make_version()

    with pytest.raises(ProtectedError):
        version.prompt.delete()
