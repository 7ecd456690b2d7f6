"""Faults: the journal's disk is full, or loses what was not synced; segments hold what cannot be posted."""

import resource
import shutil
import time
import uuid
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from accounts import purging
from analytics.models import LedgerRecord, RejectedRecord, UsageBatch
from analytics.usage import FORMAT_VERSION, TokenUsage, UsageRecord, encode_line
from orgs.models import ApiKey
from orgs.services import organizations
from proxy.call import new_call_id
from tests.faults import disk
from tests.faults.scene import Fault, Scene
from tests.faults.town import Town, command_of, kill
from tests.servers import wait_until


def fill_the_disk(scene: Scene) -> None:
    """`RLIMIT_FSIZE` does to a process what a full disk does."""
    proxies = scene.town.proxies()
    for pid in proxies:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    refused = sum(call.status == 503 for call in scene.traffic.calls)
    scene.pause(0.6)
    for pid in proxies:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    refused = sum(call.status == 503 for call in scene.traffic.calls) - refused
    scene.note(f"{refused} calls refused with 503")


def lose_power(scene: Scene) -> None:
    town = scene.town
    dying = town.proxies()
    town.server.kill()
    wait_until(lambda: not any(map(command_of, dying)), "all are dead")
    synced = town.folder / "synced"
    disk.lose_power(town.journal, synced, scene.random)
    shutil.rmtree(synced)
    synced.mkdir()
    town.server.start()


# --- Lines that cannot be posted --------------------------------------------------------------------------------------


def record_of(scene: Scene, number: int, **fields: object) -> UsageRecord:
    key = ApiKey.objects.filter(organization_id=scene.organization.pk).get()
    started_at = int(time.time() * 1_000_000)
    known = {
        "v": FORMAT_VERSION,
        "id": new_call_id(started_at),
        "started_at": started_at,
        "organization_id": scene.organization.pk,
        "team_id": key.team_id,
        "api_key_id": key.pk,
        "provider": "openai",
        "route": "chat/completions",
        "prompt_key": "planted",
        "model_requested": "gpt-4o",
        "model": "gpt-4o",
        "status": 200,
        "usage": TokenUsage(input=number, output=1),
        "usage_source": "estimated",
    }
    return UsageRecord(**(known | fields))  # type: ignore[arg-type]


def plant(scene: Scene, *lines: bytes) -> uuid.UUID:
    """A segment that a process left behind; its id."""
    segment = uuid.uuid4()
    unready = scene.town.journal / f".{segment.hex}"
    unready.mkdir(mode=0o700)
    (unready / "lock").touch()
    (unready / f"{segment}.sealed").write_bytes(b"".join(lines))
    unready.rename(scene.town.journal / segment.hex)
    return segment


def note_planted(scene: Scene, count: int) -> None:
    for _ in range(count):
        scene.traffic.new_call("planted").error = "planted"


def poison(scene: Scene) -> None:
    """A line that is no JSON, one of nobody's, one that no column takes, among good ones."""
    good = [encode_line(record_of(scene, number)) for number in range(1, 21)]
    bad = [
        b'{"v":2,"id":\n',
        encode_line(record_of(scene, 1, organization_id=2**62)),
        encode_line(record_of(scene, 1, started_at=2**62)),
        encode_line(record_of(scene, 1, id="no-identifier")),
    ]
    lines = [*good[:7], *bad, *good[7:]]
    rejected = RejectedRecord.objects.count()
    note_planted(scene, len(good))
    segment = plant(scene, *lines)
    kill(scene.random.choice(scene.town.proxies()))  # who takes its place finds the segment at once
    wait_until(lambda: UsageBatch.objects.filter(segment_id=segment).exists(), "the segment is posted")
    receipt = UsageBatch.objects.get(segment_id=segment)
    assert (receipt.inserted_count, receipt.rejected_count) == (len(good), len(bad)), receipt.__dict__
    assert RejectedRecord.objects.count() == rejected + len(bad)
    scene.note(f"{len(good)} good lines of the segment posted")


def write_newer(scene: Scene) -> None:
    """A segment of a newer release waits, and holds nobody up; the upgraded release posts it."""
    lines = [encode_line(record_of(scene, number)) for number in range(1, 6)]
    old = f'"v":{FORMAT_VERSION},'.encode()
    newer = [line.replace(old, b'"v":99,', 1) for line in lines]
    note_planted(scene, len(lines))
    segment = plant(scene, *newer)
    kill(scene.random.choice(scene.town.proxies()))
    scene.pause(0.6)
    posted = LedgerRecord.objects.filter(organization_id=scene.organization.pk).count()
    wait_until(
        lambda: LedgerRecord.objects.filter(organization_id=scene.organization.pk).count() > posted + 100,
        "others are posted",
    )
    assert not UsageBatch.objects.filter(segment_id=segment).exists()
    town = scene.town
    town.server.kill()
    (waiting,) = town.journal.glob(f"*/{segment}.sealed")  # the upgrade: what was newer can be read now
    waiting.write_bytes(b"".join(lines))
    town.server.start()
    wait_until(lambda: UsageBatch.objects.filter(segment_id=segment).exists(), "the segment is posted")


def delete_an_organization(scene: Scene) -> None:
    """Of two that share the segments one is deleted, and purged, while both call."""
    gone = scene.organizations[1]
    organizations.delete(organization=gone)
    connection.close()
    purging.purge_due(now=timezone.now() + timedelta(days=31))
    scene.pause(0.2)
    refused = [call for call in scene.traffic.calls if call.status in {401, 403}]
    scene.note(f"{len(refused)} calls refused")
    scene.leave_out(gone)


def faults(town: Town) -> list[Fault]:
    power = disk.settings(town.journal, town.folder / "synced")
    return [
        Fault("disk of the journal full", fill_the_disk),
        Fault("power lost (JOURNAL_SYNC=always)", lose_power, settings=power, is_power_lost=True),
        Fault("a poisoned line", poison),
        Fault("lines of a newer release", write_newer),
        Fault("one of two organizations deleted and purged", delete_an_organization, organizations=2),
    ]
