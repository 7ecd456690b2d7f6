"""Deleted organizations whose time is over lose everything that is kept about them, in any app.

What belongs to an organization is found by its columns, so that no later model is forgotten: rows that name the
organization, and rows that hang on such rows.
"""

import logging
import time
from datetime import datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models, transaction

from analytics import rejected, retention
from analytics.models import LedgerRecord
from analytics.record_store import changes as copied
from orgs.models import Organization
from orgs.models.organization import PURGED_AFTER

logger = logging.getLogger(__name__)

APPS = ("accounts", "proxy", "prompts", "analytics", "orgs")
CHUNK = 5000  # rows of one transaction
PATIENCE_SECONDS = 180.0  # below the time limit of a task; the next run goes on


def purge_due(*, now: datetime, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """How many organizations are gone for good now. One that is not finished in time is left to the next run."""
    until = time.monotonic() + patience_seconds
    done = 0
    for organization in Organization.objects.deleted_before(now - PURGED_AFTER).order_by("deleted_at", "id"):
        if not _purge(organization, until):
            logger.info("The purge of organization %d goes on with the next run.", organization.pk)
            break
        done += 1
        logger.info("Organization %d is purged.", organization.pk)
    return done


def find_owned_models() -> list[tuple[type[models.Model], str]]:
    """Models with the look-up that leads from a row to its organization's id; those that hang on others come first."""
    ours = [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label in APPS]
    look_ups = {model: "organization_id" for model in ours if _has_organization(model)}
    # A person may belong to many organizations, and goes with none of them.
    candidates = [model for model in ours if model._meta.label not in {"orgs.Organization", settings.AUTH_USER_MODEL}]
    is_complete = False
    while not is_complete:
        is_complete = True
        for model in candidates:
            for field in model._meta.concrete_fields:
                owner = field.related_model
                if model not in look_ups and field.is_relation and not field.null and owner in look_ups:
                    look_ups[model] = f"{field.name}__{look_ups[owner]}"
                    is_complete = False
    return [(model, look_ups[model]) for model in _dependents_first(list(look_ups))]


def _has_organization(model: type[models.Model]) -> bool:
    return any(field.attname == "organization_id" for field in model._meta.concrete_fields)


def _dependents_first(owned: list[type[models.Model]]) -> list[type[models.Model]]:
    ordered: list[type[models.Model]] = []
    waiting = list(owned)
    while waiting:
        targets = {field.related_model for model in waiting for field in model._meta.concrete_fields}
        free = [model for model in waiting if model not in targets] or waiting
        ordered += free
        waiting = [model for model in waiting if model not in free]
    return ordered


def _purge(organization: Organization, until: float) -> bool:
    """Whether all is gone. Rows go in chunks, so that no transaction is long; what comes meanwhile goes last."""
    if not rejected.name_owners(until=until):
        return False
    owned = find_owned_models()
    for model, look_up in owned:
        rows = model._base_manager.filter(**{look_up: organization.pk}).values_list("pk", flat=True)
        while chunk := list(rows[:CHUNK]):
            if time.monotonic() > until:
                return False
            if model is LedgerRecord:
                with transaction.atomic():
                    retention.remove_records(chunk)
            else:
                _delete(model, pk__in=chunk)
    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=organization.pk)
        rejected.name_owners()
        retention.remove_records(
            list(LedgerRecord.objects.filter(organization_id=organization.pk).values_list("pk", flat=True))
        )
        copied.note_all([organization.pk], *copied.EVER)  # also of what went in ways that a copy was not told of
        for model, look_up in owned:
            _delete(model, **{look_up: organization.pk})
        _delete(Organization, pk=organization.pk)
    return True


def _delete(model: type[models.Model], **which: Any) -> None:
    # Without the collector, which reads every row, and which would find the protected ones.
    rows = model._base_manager.filter(**which)
    rows._raw_delete(rows.db)
