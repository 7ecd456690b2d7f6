"""Calls of other days: copies of a real call's line in the journal, posted by the command that replays journals."""

import random
import subprocess
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from accounts.demo.history import uuid7
from analytics.usage import UsageRecord, decode_line, encode_line
from scripts.hermetic import ROOT
from tests.journeys.site import Site
from tests.processes import wait_until

_dice = random.Random(11)


def first_call(site: Site, key: str, prompt: str = "greeting") -> UsageRecord:
    """What the proxy wrote down about a call that is made now, with this key."""
    answer = site.call(key, prompt=prompt)
    assert answer.status_code == 200
    wanted = answer.headers["x-aipc-request-id"]
    found: list[UsageRecord] = []

    def is_written() -> bool:
        found[:] = [record for record in _journal(site) if record.id == wanted]
        return bool(found)

    wait_until(is_written, "the call is in the journal")
    wait_until(lambda: site.read(key, f"/api/requests/{wanted}").status_code == 200, "the call is posted")
    return found[0]


def at(call: UsageRecord, moment: datetime, **changes: Any) -> UsageRecord:
    """The same call at another time, changed as told."""
    started_at = round(moment.timestamp() * 1_000_000)
    return replace(call, id=uuid7(started_at // 1000, _dice), started_at=started_at, **changes)


def post(site: Site, calls: Iterable[UsageRecord]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, f"{uuid.uuid4()}.sealed").write_bytes(b"".join(encode_line(call) for call in calls))
        manage(site, "replay_journal", folder)


def price_again(site: Site, call: UsageRecord) -> None:
    """Staff enter a price of the organization's own for the hour of the call, which was priced by the list before."""
    hour = datetime.fromtimestamp(call.started_at // 3_600_000_000 * 3600, UTC)
    program = f"""
from datetime import datetime, timedelta
from analytics.models import ModelPrice
from analytics.price_book import save_price
from analytics.price_changes import catch_up
hour = datetime.fromisoformat("{hour.isoformat()}")
save_price(price=ModelPrice(
    organization_id={call.organization_id}, provider="{call.provider}", model="{call.model}",
    effective_from=hour, effective_until=hour + timedelta(hours=1), input_pico_usd=2 * 10**6, output_pico_usd=8 * 10**6,
))
catch_up()
"""
    manage(site, "shell", "-c", program)


def manage(site: Site, *arguments: str) -> None:
    program, manage, *_ = site.server.command()
    command = [program, manage, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=site.server.environment(), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr


def _journal(site: Site) -> Iterator[UsageRecord]:
    for segment in (Path(site.server.settings["DATA_DIR"]) / "journal").glob("*/*.*"):
        try:
            lines = segment.read_bytes().replace(b"\0", b"").splitlines(keepends=True)
        except FileNotFoundError:
            continue  # renamed meanwhile: found again by the next look
        yield from (decode_line(line) for line in lines if line.endswith(b"\n"))
