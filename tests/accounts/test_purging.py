"""What is left of an organization after its 30 days: nothing, in no table. And nothing else goes with it."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models
from django.utils import timezone

from accounts import purging, tasks
from accounts.models import User
from analytics.models import DailyTagUsage, DailyUsage, LedgerRecord, ModelPrice, RejectedRecord, SeenValue
from config.celery import app
from orgs.models import Organization
from orgs.services import keys, organizations
from prompts.models import PromptActivation, PromptVersion
from tests.analytics.usage_lines import lines_of, make_record
from tests.factories import make_key, make_member, make_organization, make_prompt, make_team, make_user, make_version

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def make_full(name: str) -> Organization:
    """An organization with rows wherever one can have them."""
    organization = make_organization(name, owner=make_user())
    make_member(organization)
    team = make_team(organization)
    key, _ = make_key(team)
    keys.revoke(key=key)
    make_version(make_prompt(organization), activate=True)
    ModelPrice.objects.create(provider="openai", model=name, organization=organization, effective_from=DAY)
    SeenValue.objects.create(organization_id=organization.pk, kind="tag", value="a", day=DAY.date())
    for model in (DailyUsage, DailyTagUsage):
        fill(model, organization_id=organization.pk, team_id=team.pk, api_key_id=key.pk)
    for _ in range(3):
        fill(LedgerRecord, organization_id=organization.pk, team_id=team.pk, api_key_id=key.pk)
    return organization


def fill(model: type[models.Model], **values: int) -> None:
    """A row with the plainest values that its columns take."""
    plain: dict[str, object] = {}
    for field in model._meta.concrete_fields:
        if field.name in values or field.null or field.has_default() or isinstance(field, models.AutoField):
            continue
        kinds: list[tuple[type, object]] = [
            (models.UUIDField, uuid.uuid4()),
            (models.DateTimeField, DAY),
            (models.DateField, DAY.date()),
            (models.BooleanField, False),
            (models.JSONField, []),
            (models.IntegerField, 0),
            (models.CharField, "x"[: field.max_length or 1]),
        ]
        plain[field.name] = next(value for kind, value in kinds if isinstance(field, kind))
    if model is LedgerRecord:
        plain |= {"cost_status": "priced"}
    model._base_manager.create(**plain, **values)


def counts(organization_id: int) -> dict[str, int]:
    """Rows of the organization in each table of ours."""
    return {
        model._meta.label: model._base_manager.filter(**{look_up: organization_id}).count()
        for model, look_up in purging.find_owned_models()
    }


def test_every_table_that_names_an_organization_is_known() -> None:
    known = {model for model, _ in purging.find_owned_models()}

    assert {LedgerRecord, DailyUsage, PromptVersion, PromptActivation} <= known
    assert not known & {User, Organization}
    for model in apps.get_models(include_auto_created=True):
        names = {field.attname for field in model._meta.concrete_fields}
        assert model in known or "organization_id" not in names, model


def test_nothing_is_left_of_it_and_everything_of_the_others() -> None:
    gone, other = make_full("Gone"), make_full("Other")
    people = User.objects.count()
    before = counts(other.pk)
    assert {"orgs.ApiKey", "orgs.RevocationEntry", "prompts.PromptActivation", "analytics.LedgerRecord"} <= {
        label for label, count in counts(gone.pk).items() if count
    }
    now = timezone.now()
    organizations.delete(organization=gone, now=now - timedelta(days=30))

    assert purging.purge_due(now=now) == 1

    assert set(counts(gone.pk).values()) == {0}
    assert list(Organization.objects.all()) == [other]
    assert counts(other.pk) == before
    assert User.objects.count() == people


def test_rejected_lines_that_do_not_say_yet_whose_they_are_go_with_their_owner() -> None:
    gone, other = make_full("Gone"), make_full("Other")
    for number, organization in enumerate((gone, other)):
        key, _ = make_key(make_team(organization))
        line = lines_of(make_record(key))[0]
        RejectedRecord.objects.create(segment_id=uuid.uuid4(), line_number=number, line=line, reason="", created_at=DAY)
    now = timezone.now()
    organizations.delete(organization=gone, now=now - timedelta(days=30))

    assert purging.purge_due(now=now) == 1
    assert [one.organization_id for one in RejectedRecord.objects.all()] == [other.pk]


def test_what_can_still_be_had_back_stays() -> None:
    organization = make_full("Gone")
    before = counts(organization.pk)
    now = timezone.now()
    organizations.delete(organization=organization, now=now - timedelta(days=29, hours=23))

    assert purging.purge_due(now=now) == 0

    assert {**before, "orgs.RevocationEntry": 2, "orgs.AuditEntry": before["orgs.AuditEntry"] + 1} == counts(
        organization.pk
    )


def test_a_purge_that_ran_out_of_time_goes_on_with_the_next_run() -> None:
    organization = make_full("Gone")
    now = timezone.now()
    organizations.delete(organization=organization, now=now - timedelta(days=31))

    assert purging.purge_due(now=now, patience_seconds=-1) == 0
    assert Organization.objects.exists()
    assert purging.purge_due(now=now) == 1


def test_the_clock_process_and_the_command_purge() -> None:
    said = StringIO()
    purges: list[Callable[[], object]] = [
        tasks.purge_organizations,
        partial(call_command, "purge_organizations", stdout=said),
    ]
    for number, purge in enumerate(purges):
        organizations.delete(organization=make_full(f"Gone {number}"), now=timezone.now() - timedelta(days=31))
        purge()
        assert not Organization.objects.exists()
    assert said.getvalue() == "Purged 1 organization.\n"


def test_the_clock_knows_the_task() -> None:
    app.loader.import_default_modules()
    planned = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert "accounts.purge_organizations" in planned <= set(app.tasks)
