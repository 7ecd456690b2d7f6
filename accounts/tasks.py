"""Periodic tasks of the accounts. Their times are in CELERY_BEAT_SCHEDULE."""

from celery import shared_task

from accounts import purging
from orgs import clocks
from orgs.services import invitations


@shared_task(name="accounts.purge_organizations")
def purge_organizations() -> None:
    purging.purge_due(now=clocks.no_later_than_the_database())


@shared_task(name="accounts.remove_old_invitations")
def remove_old_invitations() -> None:
    invitations.remove_old(now=clocks.no_later_than_the_database())
