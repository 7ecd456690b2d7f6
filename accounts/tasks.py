"""Periodic tasks of the accounts. Their times are in CELERY_BEAT_SCHEDULE."""

from celery import shared_task
from django.utils import timezone

from accounts import purging


@shared_task(name="accounts.purge_organizations")
def purge_organizations() -> None:
    purging.purge_due(now=timezone.now())
