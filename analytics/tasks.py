"""The background work of analytics: each task calls a service, and is started here.

In production a Celery worker does it, in trial mode a thread of this process.
"""

import logging
import threading
from functools import partial

from celery import shared_task
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections, transaction

from analytics import timezone_changes
from orgs.models import Organization

logger = logging.getLogger(__name__)

TIME_LIMIT_SECONDS = 2 * 60 * 60  # years of records take a while
THREAD_NAME = "timezone-change"


def start_timezone_change(*, organization: Organization, timezone: str, by: AbstractBaseUser) -> None:
    """Returns at once; `timezone_changes.find` tells how far it is. Does nothing when that is the time zone already.

    Raises what `timezone_changes.announce` does.
    """
    if organization.timezone == timezone:
        return
    timezone_changes.announce(organization=organization, timezone=timezone)
    arguments = {"organization_id": organization.pk, "timezone": timezone, "by_id": by.pk}
    transaction.on_commit(partial(_launch, arguments))


# A worker that takes longer than the broker waits gets company, which finds the time zone changed and does nothing.
@shared_task(name="analytics.change_timezone", time_limit=TIME_LIMIT_SECONDS)
def change_timezone(organization_id: int, timezone: str, by_id: int) -> None:
    try:
        timezone_changes.carry_out(organization_id=organization_id, timezone=timezone, by_id=by_id)
    except Exception:
        timezone_changes.tell_failed(organization_id)
        raise


def _launch(arguments: dict[str, int | str]) -> None:
    if settings.IS_TRIAL:
        threading.Thread(target=_run_here, args=[arguments], name=THREAD_NAME, daemon=True).start()
        return
    try:
        change_timezone.apply_async(kwargs=arguments, retry=False)
    except Exception:
        logger.exception("The time zone change of organization %s found no broker.", arguments["organization_id"])
        timezone_changes.tell_failed(int(arguments["organization_id"]))


def _run_here(arguments: dict[str, int | str]) -> None:
    try:
        change_timezone.apply(kwargs=arguments, throw=True)
    except Exception:
        logger.exception("The time zone of organization %s could not be changed.", arguments["organization_id"])
    finally:
        connections.close_all()
