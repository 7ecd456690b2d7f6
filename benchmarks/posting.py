"""`python -m benchmarks.posting`: what posting a record to the ledger costs, and how many one worker posts in a second.

Posts journal segments of an organization of its own, as a worker would, into a database of its own, or beside the big
organizations of `benchmarks.dashboard` in its `--folder`; there it takes everything away again. The CPU is that of this
process and of PostgreSQL's process for its connection, divided by the records.
"""

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import figures  # noqa: E402
from benchmarks.kept_database import opened, opened_fresh  # noqa: E402
from benchmarks.programs import end_what_was_started  # noqa: E402


def make_segment(chance: Random, keys: list[tuple[int, int, int]], records: int) -> list[str]:
    """Journal lines of one organization's calls of this moment: keys, prompts, models and tags fall off like Zipf's."""
    from analytics.usage import FORMAT_VERSION, TokenUsage, UsageRecord, encode_line
    from proxy.call import new_call_id

    lines = []
    for number in range(records):
        organization_id, team_id, key_id = keys[int(chance.random() ** 2 * len(keys))]
        started_at = round(time.time() * 1_000_000) + number
        record = UsageRecord(
            v=FORMAT_VERSION,
            id=new_call_id(started_at),
            started_at=started_at,
            organization_id=organization_id,
            team_id=team_id,
            api_key_id=key_id,
            prompt_key=f"prompt-{int(chance.random() ** 3 * 200):03}",
            version=1 + chance.randrange(2),
            tags=tuple({f"tag-{int(chance.random() ** 2 * 60)}" for _ in range(chance.randrange(4))}),
            provider="openai",
            route="chat/completions",
            model_requested="gpt-4o",
            model=chance.choice(["gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "gpt-4.1-2025-04-14"]),
            status=200,
            usage=TokenUsage(input=chance.randrange(5000), output=chance.randrange(800)),
            usage_source="provider",
            latency_ms=chance.randrange(200, 8000),
            first_byte_ms=150,
            finish_reason="stop",
        )
        lines.append(encode_line(record).decode().removesuffix("\n"))
    return lines


@dataclass(frozen=True)
class Cost:
    """Of a record, in microseconds; medians over the segments."""

    worker: float  # CPU of this process
    server: float  # CPU of PostgreSQL's
    elapsed: float

    def row(self, records: int) -> list[str]:
        figures = [
            f"{self.worker:.0f}",
            f"{self.server:.0f}",
            f"{1e6 / self.worker:,.0f}",
            f"{1e6 / self.elapsed:,.0f}",
        ]
        return [str(records), *figures]


HEADS = [
    "records of a segment",
    "us/record, worker",
    "us/record, PostgreSQL",
    "records a second of worker CPU",
    "records a second",
]


def measure(segments: int, records: int) -> Cost:
    from uuid import uuid4

    from django.db import connection

    from orgs.services import keys, organizations, teams
    from proxy import tasks

    organization = organizations.create(name=f"Posting {uuid4().hex[:8]}")
    issued = [keys.issue(team=teams.create(organization=organization, name=f"Team {n}"))[0] for n in range(20)]
    places = [(organization.pk, key.team_id, key.pk) for key in issued]
    chance = Random(7)
    own, server, elapsed = [], [], []
    for number in range(segments + 3):
        lines = make_segment(chance, places, records)
        connection.ensure_connection()
        stat = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
        before = time.process_time(), int(stat.read_text().split()[0]), time.perf_counter()
        tasks.post_batch(str(uuid4()), lines)
        if number >= 3:
            own.append((time.process_time() - before[0]) * 1e6 / records)
            server.append((int(stat.read_text().split()[0]) - before[1]) / 1e3 / records)
            elapsed.append((time.perf_counter() - before[2]) * 1e6 / records)
    take_away(organization.pk)
    return Cost(statistics.median(own), statistics.median(server), statistics.median(elapsed))


def take_away(organization_id: int) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from accounts import purging
    from orgs.models import Organization
    from orgs.services import organizations

    organization = Organization.objects.get(pk=organization_id)
    organizations.delete(organization=organization, now=timezone.now() - timedelta(days=31))
    purging.purge_due(now=timezone.now())


def partition() -> None:
    from django.utils import timezone

    from analytics.partitions import conversion

    conversion.convert(timezone.now(), print)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="a database that is kept, as that of benchmarks.dashboard")
    parser.add_argument("--segments", type=int, default=60)
    parser.add_argument("--records", type=int, nargs="*", default=[10, 100, 500], help="of a segment")
    parser.add_argument("--months", action="store_true", help="give the usage records months first, which stay")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    end_what_was_started()
    with opened(options.folder) if options.folder else opened_fresh():
        if options.months:
            partition()
        rows = [measure(options.segments, records).row(records) for records in options.records]
    text = figures.table(HEADS, rows)
    print(text)
    if options.markdown:
        options.markdown.write_text(text + "\n")


if __name__ == "__main__":
    main()
