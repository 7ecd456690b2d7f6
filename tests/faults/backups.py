"""Fault: the database is lost and comes back from a dump, by the commands of docs/deployment.md."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from django.core.management import call_command
from django.db import connection

from analytics.models import LedgerRecord
from scripts.hermetic import ROOT
from tests.faults.neighbours import Said
from tests.faults.scene import Fault, Scene
from tests.faults.town import Ended
from tests.servers import wait_until

# Which segment brought a record may differ: its call and its price do not.
_MAY_DIFFER = {"segment_id"}
Row = dict[str, Any]


def documented(program: str) -> str:
    """The block of the page on deployment that begins with this program's use."""
    text = (ROOT / "docs" / "deployment.md").read_text()
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (found,) = (block for block in blocks if re.search(rf"^{program} ", block, re.MULTILINE))
    return "\n".join(line for line in found.splitlines() if not line.startswith("export "))


def run_documented(scene: Scene, program: str) -> float:
    """Seconds that it took. The town's database, user and folder take the places of the page's."""
    postgres = scene.town.postgres
    line = re.sub(r"\baipc\b", "postgres", documented(program)).replace("/backups", str(scene.town.folder))
    line = line.replace("aipc_", "postgres_")
    given = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": "aipc", "PGPASSWORD": postgres.password}
    path = f"{postgres.bin}:{os.environ['PATH']}"
    began = time.monotonic()
    environment = {**os.environ, **given, "PATH": path}
    done = subprocess.run(["sh", "-ec", line], env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stderr)
    return time.monotonic() - began


def lose_the_database(scene: Scene) -> None:
    town = scene.town
    scene.pause(0.5)
    wait_until(LedgerRecord.objects.exists, "something is there to be dumped")
    dumped = run_documented(scene, "pg_dump")
    in_time = LedgerRecord.objects.count()
    scene.pause(0.8)
    wait_until(lambda: LedgerRecord.objects.count() > in_time, "something is posted that is not in the dump")
    town.at_once(*(Ended(server).close_down for server in [town.server, *town.workers]))
    before = dict(records())
    connection.close()
    restored = run_documented(scene, "pg_restore")
    old = LedgerRecord.objects.count()
    town.open()
    began, said = time.monotonic(), Said()
    call_command("replay_journal", town.journal, verbosity=0, stdout=said)
    scene.note(
        f"{old:,} of {len(before):,} records were in the dump, which took {dumped:.1f} s, restoring it "
        f"{restored:.1f} s, the replay {time.monotonic() - began:.1f} s: {said.text.splitlines()[0].rstrip('.')}"
    )
    after = dict(records())
    differing = [key for key, row in before.items() if after.get(key) != row and not is_completed(row, after.get(key))]
    if differing:
        key = differing[0]
        names = [name for name, value in before[key].items() if after.get(key, {}).get(name) != value]
        raise AssertionError(f"{len(differing)} records are not what they were, as {key} in {names}")


def is_completed(before: Row, after: Row | None) -> bool:
    """Whether a pending call has got its outcome since, from a segment that was not posted when all was stopped."""
    return before["cost_status"] == "pending" and after is not None and after["completed_at"] is not None


def records() -> Iterator[tuple[Any, Row]]:
    for row in LedgerRecord.objects.values():
        yield row["id"], {name: value for name, value in row.items() if name not in _MAY_DIFFER}


FAULTS = [Fault("a dump restored by pg_restore, the journal replayed", lose_the_database)]
