"""Noting which records changed, for a copy of them, in the transaction that changes them. Nothing where there is none.

What waits is taken by its own ids, never by a position among them: whoever commits late is found late, not overlooked.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Min, Sum

from analytics.models import RecordChange, RecordCopy

_KEY = struct.Struct(">16sq")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
EVER = _EPOCH, datetime(2200, 1, 1, tzinfo=UTC)


class Key(NamedTuple):
    """What never changes of a record, and finds it in a copy."""

    organization_id: int
    id: UUID
    started_at: datetime


def note(keys: Iterable[Key]) -> None:
    """These records are new, have changed or are gone. One query without a copy, two with one."""
    by_owner: dict[int, list[Key]] = defaultdict(list)
    for key in keys:
        by_owner[key.organization_id].append(key)
    if by_owner and is_wanted():
        RecordChange.objects.bulk_create(_change_of(owner_id, by_owner[owner_id]) for owner_id in sorted(by_owner))


def note_all(organization_ids: Iterable[int], first: datetime, last: datetime) -> None:
    """Whatever these organizations had or have from a start to another one may have changed or be gone."""
    if is_wanted():
        RecordChange.objects.bulk_create(
            RecordChange(owner_id=owner_id, first_at=first, last_at=last, count=0) for owner_id in organization_ids
        )


def is_wanted() -> bool:
    """Whether there is a copy. Trial mode has none."""
    return connection.vendor == "postgresql" and RecordCopy.objects.exists()


def is_wanted_sql() -> str:
    """The same as an expression, for a statement that is made anyway and writes: see `filling.begin`."""
    return f"EXISTS (SELECT FROM {RecordCopy._meta.db_table})" if connection.vendor == "postgresql" else "0"


class Behind(NamedTuple):
    """How far a copy is behind the ledger."""

    waiting: int  # records
    lag_seconds: float  # since when the oldest of them waits
    is_faulty: bool


def how_far_behind(*, now: datetime) -> Behind | None:
    """None without a copy."""
    copy = RecordCopy.objects.first() if is_wanted() else None
    if copy is None:
        return None
    told = RecordChange.objects.aggregate(count=Sum("count", default=0), since=Min("created_at"))
    lag = (now - told["since"]).total_seconds() if told["since"] else 0.0
    return Behind(told["count"], max(lag, 0.0), bool(copy.fault))


def keys_of(change: RecordChange) -> Iterator[Key]:
    for id_, started in _KEY.iter_unpack(change.keys):
        yield Key(change.owner_id, UUID(bytes=id_), from_microseconds(started))


def microseconds(moment: datetime) -> int:
    """Since the epoch."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime:
    return _EPOCH + timedelta(microseconds=number)


def _change_of(owner_id: int, keys: list[Key]) -> RecordChange:
    starts = [key.started_at for key in keys]
    packed = b"".join(_KEY.pack(key.id.bytes, microseconds(key.started_at)) for key in keys)
    return RecordChange(owner_id=owner_id, first_at=min(starts), last_at=max(starts), keys=packed, count=len(keys))
