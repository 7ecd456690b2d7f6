"""Foreign keys follow the chain of the apps: an app's records may point to those of the apps to its right."""

from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db.models import Field

pytestmark = pytest.mark.trial

CHAIN = ["accounts", "proxy", "prompts", "analytics", "orgs"]
DJANGO = {"auth", "contenttypes"}


def links() -> list[tuple[str, str, str]]:
    """(from app, field, to model) of every relation that our models hold."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label in CHAIN:
            fields: list[Field[Any, Any]] = [*model._meta.local_fields, *model._meta.local_many_to_many]
            found += [
                (model._meta.app_label, str(field), field.related_model._meta.label)
                for field in fields
                if field.related_model is not None
            ]
    return found


def is_allowed(app: str, target: str) -> bool:
    target_app = target.split(".")[0]
    if target == settings.AUTH_USER_MODEL or target_app in DJANGO:
        return True
    return target_app in CHAIN and CHAIN.index(target_app) >= CHAIN.index(app)


def test_all_apps_with_records_are_in_the_chain() -> None:
    ours = {model._meta.app_label for model in apps.get_models() if model.__module__.split(".")[0] in CHAIN}

    assert {"accounts", "prompts", "analytics", "orgs"} <= ours <= set(CHAIN)


def test_foreign_keys_point_along_the_chain() -> None:
    found = links()

    assert ("orgs", "orgs.Team.organization", "orgs.Organization") in found
    assert ("prompts", "prompts.Prompt.organization", "orgs.Organization") in found
    assert [link for link in found if not is_allowed(link[0], link[2])] == []


def test_a_foreign_key_against_the_chain_would_be_seen() -> None:
    assert not is_allowed("orgs", "prompts.Prompt")
    assert not is_allowed("analytics", "prompts.Prompt")
    assert is_allowed("prompts", "orgs.Team")
