"""Roll-up rows for tests of what reads them. Tests of what writes them post through the ledger."""

from datetime import date
from decimal import Decimal
from typing import Any

from analytics.models import DailyTagUsage, DailyUsage
from orgs.models import ApiKey, Team

FEBRUARY = {"start": "2026-02-01", "end": "2026-02-28"}


def spend_on_tag(key: ApiKey, usd: str, tag: str, requests: int = 1, **columns: Any) -> DailyTagUsage:
    """One row of the roll-up by tag; "" for what has none. The other roll-up has its row by `spend`."""
    return DailyTagUsage.objects.create(**_row(key.team_id, key.pk, key, usd, requests, columns), tag=tag)


def spend(key: ApiKey | Team, usd: str, requests: int = 1, *, on: str = "2026-02-10", **columns: Any) -> DailyUsage:
    """One roll-up row of priced requests by a key, or by a team whatever its key. `columns` overlays any column."""
    team_id, key_id = (key.pk, 0) if isinstance(key, Team) else (key.team_id, key.pk)
    row = _row(team_id, key_id, key, usd, requests, {"day": date.fromisoformat(on), **columns})
    return DailyUsage.objects.create(**row)


def _row(
    team_id: int, key_id: int, owner: ApiKey | Team, usd: str, requests: int, columns: dict[str, Any]
) -> dict[str, Any]:
    return {
        "organization_id": owner.organization_id,
        "day": date(2026, 2, 10),
        "team_id": team_id,
        "api_key_id": key_id,
        "provider": "openai",
        "model": "gpt-4o",
        "cost_pico_usd": int(Decimal(usd) * 10**12),
        "request_count": requests,
        "priced_count": requests,
        **columns,
    }
