"""What the tests of the copy do with it, and see of it."""

from datetime import datetime

from analytics.models import LedgerRecord
from analytics.record_store import changes, feeding, filling
from analytics.record_store.client import Client
from tests.analytics.usage_lines import NOON


def carry(store: Client, *, now: datetime = NOON) -> int:
    return feeding.carry_over(store, now=now, seconds=60)


def fill(store: Client) -> None:
    filling.begin(store, now=NOON)
    filling.fill(store)
    carry(store)


def ids_in(store: Client) -> list[str]:
    return sorted(id_.hex() for (id_,) in store.query("SELECT id FROM aipc_records FINAL"))


def ids_in_ledger() -> list[str]:
    return sorted(pk.hex for pk in LedgerRecord.objects.values_list("pk", flat=True))


def note(record: LedgerRecord) -> None:
    changes.note([changes.Key(record.organization_id, record.pk, record.started_at)])
