"""The background work of analytics: each task calls a service, and is started here.

In production a Celery worker does it, in trial mode a thread of this process.
"""

import logging
import threading
import time
from collections.abc import Iterable
from functools import partial

from celery import shared_task
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.cache import cache
from django.db import connections, transaction
from django.utils import timezone as clock

from analytics import (
    budget_alerts,
    completeness,
    completions,
    condensing,
    price_changes,
    rejected,
    retention,
    self_check,
    timezone_changes,
)
from analytics.partitions import conversion, dropping, months
from analytics.record_store import feeding, filling
from analytics.record_store.client import WORK_SECONDS, Client, StoreFailed
from config.metrics import counting, families
from orgs import clocks
from orgs.models import BudgetAlert, Organization

logger = logging.getLogger(__name__)

TIME_LIMIT_SECONDS = 2 * 60 * 60  # years of records take a while
THREAD_NAME = "timezone-change"
BUDGET_THREAD_NAME = "budget"
PRICES_THREAD_NAME = "prices"
# A task works so long on a change of prices, and leaves the rest to a next one: well below the time limit of tasks.
CATCHING_UP_SECONDS = 60
# So long a task carries records over to their copy; the next one comes soon.
COPYING_SECONDS = 60
# An organization's spend is held against its budget so long after it was posted, and no more often.
BUDGET_SECONDS = 5


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


@shared_task(name="analytics.condense_rollups")
def condense_rollups() -> None:
    condensing.condense_due(now=clock.now())


@shared_task(name="analytics.prune_created_objects")
def prune_created_objects() -> None:
    completions.prune(now=clocks.no_later_than_the_database(), days=settings.LATE_USAGE_DAYS)


@shared_task(name="analytics.remove_what_is_old")
def remove_what_is_old() -> None:
    now = clocks.no_later_than_the_database()
    by_day = settings.RECORD_RETENTION_BY == "day"
    retention.remove_old_records(now=now, keep_days=settings.RECORD_RETENTION_DAYS, by_day=by_day)
    retention.remove_old_receipts(now=now, keep_days=settings.RECEIPT_RETENTION_DAYS)
    retention.remove_old_values(now=now, keep_days=retention.VALUES_KEPT_DAYS)
    rejected.name_owners(until=time.monotonic() + retention.PATIENCE_SECONDS)
    completeness.forget_ended(now=now)
    if not settings.COLUMN_STORE_URL and filling.forget():
        logger.warning("COLUMN_STORE_URL is not set any more: the copy of the records is not kept up.")


@shared_task(name="analytics.copy_records")
def copy_records() -> None:
    """Planned in CELERY_BEAT_SCHEDULE where there is a column store."""
    if not settings.COLUMN_STORE_URL:
        return
    client = Client(settings.COLUMN_STORE_URL, seconds=WORK_SECONDS)
    try:
        feeding.carry_over(client, now=clocks.no_later_than_the_database(), seconds=COPYING_SECONDS)
    except StoreFailed as error:
        counting.count(families.COPY_FAILURES)
        logger.warning("The column store did not take what is new, the next run goes on: %s", error)
    finally:
        client.close()


# To count what a month of a hundred million records held takes minutes. A second worker finds the first one at it.
@shared_task(name="analytics.keep_months", time_limit=TIME_LIMIT_SECONDS)
def keep_months() -> None:
    """Of a partitioned ledger: the months ahead are made, old ones dropped. Does nothing where it is one table."""
    now = clocks.no_later_than_the_database()
    conversion.forget_stale(now)
    months.make_due(now)
    dropping.drop_old(now=now, keep_days=settings.RECORD_RETENTION_DAYS)


@shared_task(name="analytics.check_ledger")
def check_ledger() -> None:
    self_check.check(now=clock.now())


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


# --- Prices -----------------------------------------------------------------------------------------------------------


def follow_price_change() -> None:
    """After prices were saved or deleted: price what was posted before, without making anybody wait.

    What is lost with a broker or a process is made up for by `look_at_prices`.
    """
    transaction.on_commit(_launch_catching_up)


@shared_task(name="analytics.catch_up_with_prices")
def catch_up_with_prices() -> None:
    if price_changes.catch_up(seconds=CATCHING_UP_SECONDS):
        _launch_catching_up()


@shared_task(name="analytics.look_at_prices")
def look_at_prices() -> None:
    """Planned in CELERY_BEAT_SCHEDULE. So a new bundled list is noticed, and what a crash has cut off goes on."""
    price_changes.notice_new_list()
    if price_changes.is_behind():
        _launch_catching_up()


def _launch_catching_up() -> None:
    try:
        if settings.IS_TRIAL:
            threading.Thread(target=_catch_up_here, name=PRICES_THREAD_NAME, daemon=True).start()
        else:
            catch_up_with_prices.apply_async(retry=False)
    except Exception:
        logger.exception("The records are priced again later.")


def _catch_up_here() -> None:
    try:
        price_changes.catch_up()
    except Exception:
        logger.exception("Not all records could be priced again; the rest is done later.")
    finally:
        connections.close_all()


# --- Budgets ----------------------------------------------------------------------------------------------------------


def follow_spend(organization_ids: Iterable[int]) -> None:
    """After something was posted for these organizations, which have a budget: look at it in a few seconds.

    Returns at once and never raises. What is lost with a broker or a process is made up for by the next posting, and by
    `look_at_budgets`. A posting that finds a look planned is seen by it, since it was committed before.
    """
    for organization_id in organization_ids:
        try:
            if cache.add(f"budget-look:{organization_id}", 1, BUDGET_SECONDS):
                _plan_look(organization_id, BUDGET_SECONDS)
        except Exception:
            logger.exception("The budget of organization %d is looked at later.", organization_id)


def follow_budget_change(organization: Organization) -> None:
    """After a budget was changed: what is above it already is noted at once, so that later crossings are told apart."""
    budget_alerts.notice(organization.pk, now=clock.now())
    if BudgetAlert.objects.unsent().filter(organization=organization).exists():
        try:
            _plan_look(organization.pk, 0)
        except Exception:
            logger.exception("The budget of organization %d is looked at later.", organization.pk)


@shared_task(name="analytics.look_at_budget")
def look_at_budget(organization_id: int) -> None:
    budget_alerts.look(organization_id, now=clock.now())


@shared_task(name="analytics.look_at_budgets")
def look_at_budgets() -> None:
    """Planned in CELERY_BEAT_SCHEDULE."""
    budget_alerts.look_at_all(now=clock.now())


def _plan_look(organization_id: int, seconds: float) -> None:
    if not settings.IS_TRIAL:
        look_at_budget.apply_async(args=(organization_id,), countdown=seconds, retry=False)
        return
    timer = threading.Timer(seconds, _look_here, args=[organization_id])
    timer.name, timer.daemon = BUDGET_THREAD_NAME, True
    timer.start()


def _look_here(organization_id: int) -> None:
    try:
        look_at_budget(organization_id)
    except Exception:
        logger.exception("The budget of organization %d could not be looked at.", organization_id)
    finally:
        connections.close_all()
