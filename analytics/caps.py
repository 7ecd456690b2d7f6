"""How many new values of the dimensions that clients control are let in: tags, models, versions.

An organization may bring `NEW_VALUES_PER_DAY` new values of each kind a day; the rest is counted under `OVERFLOW`, so
that a client that puts a request id into a tag cannot make the roll-ups grow with every request. Values seen before
stay welcome. Concurrent posting may let in a few more, never fewer. New prompt keys are capped by `proxy.tasks`.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from analytics import bulk
from analytics.models import SeenValue

logger = logging.getLogger(__name__)

# Counted under this: prompt keys, tags and models over the cap. (Versions over the cap count as none, 0.)
OVERFLOW = "(other)"


class Value(NamedTuple):
    """Ordered as its rows are locked."""

    organization_id: int
    kind: str
    value: str


def find_overflow(wanted: Iterable[Value], days: Mapping[int, date]) -> set[Value]:
    """Remember the new ones among these values, as far as the cap of their organization's day goes; return the rest.

    `days` holds today's date by organization. In the caller's transaction.
    """
    in_order = list(dict.fromkeys(wanted))
    seen = _find_seen(in_order)
    unseen = [value for value in in_order if value not in seen]
    if not unseen:
        return set()
    admitted, overflow = [], set()
    room: dict[tuple[int, str], int] = {}
    for value in unseen:
        group = value[:2]
        if group not in room:
            room[group] = settings.NEW_VALUES_PER_DAY - _count_new(value, days[value.organization_id])
        room[group] -= 1
        if room[group] >= 0:
            admitted.append(value)
        else:
            overflow.add(value)
    _remember(sorted(admitted), days)
    for organization_id, kind in sorted({value[:2] for value in overflow}):
        warn(organization_id, kind)
    return overflow


def warn(organization_id: int, kind: str) -> None:
    """Say in the log that an organization sent more new values of this kind than a day may bring."""
    logger.warning(
        "Organization %d sent more than %d new values of %s today; further ones are counted under %s.",
        organization_id,
        settings.NEW_VALUES_PER_DAY,
        kind,
        OVERFLOW,
    )


def _find_seen(values: list[Value]) -> set[Value]:
    given = bulk.select_given("analytics_seenvalue", Value._fields)
    seen: set[Value] = set()
    for chunk in bulk.chunks(values):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT organization_id, kind, value FROM analytics_seenvalue "  # noqa: S608
                f"WHERE (organization_id, kind, value) IN ({given})",
                [bulk.encode([value._asdict() for value in chunk])],
            )
            seen.update(Value(*row) for row in cursor.fetchall())
    return seen


def _count_new(value: Value, day: date) -> int:
    return SeenValue.objects.filter(organization_id=value.organization_id, kind=value.kind, day=day).count()


def _remember(values: list[Value], days: Mapping[int, date]) -> None:
    SeenValue.objects.bulk_create(
        (SeenValue(**value._asdict(), day=days[value.organization_id]) for value in values),
        batch_size=bulk.MAX_ROWS,
        ignore_conflicts=True,
    )
