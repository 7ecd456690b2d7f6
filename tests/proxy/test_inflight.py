"""The in-flight file, and what a process that died leaves in it."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analytics.usage import (
    MAX_LINE_BYTES,
    CallFacts,
    OtherModelUsage,
    TokenUsage,
    decode_facts,
    encode_facts,
    encode_line,
    ended,
)
from proxy.inflight import SLOT_BYTES, InflightFile, NoRoom, read_slots
from scripts.hermetic import ROOT
from tests.proxy.journal_stage import largest_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inflight"


def crash_image(path: Path) -> Path:
    """What another process finds if this one died now."""
    return Path(shutil.copy(path, path.with_suffix(".image")))


def test_a_crash_leaves_the_calls_that_have_not_ended(path: Path) -> None:
    file = InflightFile(path)
    slots = [file.enter(b"call %d" % number) for number in range(5)]
    file.clear([slots[1], slots[3]])
    assert file.in_use == 3
    assert sorted(read_slots(crash_image(path))) == [b"call 0", b"call 2", b"call 4"]


def test_a_slot_used_again_holds_nothing_of_the_call_before(path: Path) -> None:
    file = InflightFile(path)
    file.clear([file.enter(b"a long description of the first call")])
    file.enter(b"second")
    assert list(read_slots(crash_image(path))) == [b"second"]


def test_it_grows_with_the_calls_and_keeps_what_it_had(path: Path) -> None:
    file = InflightFile(path)
    calls = [b"call %d" % number for number in range(1000)]
    slots = [file.enter(call) for call in calls]
    assert len(set(slots)) == 1000
    assert sorted(read_slots(crash_image(path))) == sorted(calls)
    assert path.stat().st_blocks * 512 >= 1000 * SLOT_BYTES  # a page without a block of its own would be fatal
    file.clear(slots)
    assert file.in_use == 0
    assert list(read_slots(crash_image(path))) == []


def test_without_room_to_grow_a_call_is_refused_and_the_others_stay(path: Path) -> None:
    file = InflightFile(path)
    with largest_file(path.stat().st_size):
        room = path.stat().st_size // SLOT_BYTES
        slots = [file.enter(b"call") for _ in range(room)]
        with pytest.raises(NoRoom):
            file.enter(b"one too many")
        assert len(list(read_slots(crash_image(path)))) == room
        file.clear([slots[0]])
        assert file.enter(b"another") == slots[0]
    file.enter(b"one more")


def test_facts_larger_than_a_slot_take_none(path: Path) -> None:
    file = InflightFile(path)
    with pytest.raises(ValueError, match="larger than a slot"):
        file.enter(bytes(SLOT_BYTES))
    assert file.in_use == 0


def test_a_kill_leaves_the_slots_that_were_written(path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from proxy.inflight import InflightFile; "
        "file = InflightFile(Path(sys.argv[1])); [file.enter(b'call %d' % n) for n in range(300)]; file.clear([0]); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, path], cwd=ROOT, env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(read_slots(path))) == 299


def test_a_file_cut_off_in_a_slot_or_absent_is_read_as_far_as_it_goes(path: Path) -> None:
    assert list(read_slots(path)) == []
    file = InflightFile(path)
    file.enter(b"first")
    file.enter(b"second")
    image = crash_image(path)
    os.truncate(image, SLOT_BYTES + 2)
    assert list(read_slots(image)) == [b"first"]


# The most that a client may send: see the caps in proxy.body. Four bytes a character, two for those that JSON escapes.
@pytest.mark.parametrize("character", ["🙂", '"', "\\", "\x7f"])
def test_the_largest_call_fits_into_its_slot_and_its_line(path: Path, character: str) -> None:
    facts = CallFacts(
        v=1,
        id="f" * 32,
        started_at=2**53,
        organization_id=2**63 - 1,
        team_id=2**63 - 1,
        api_key_id=2**63 - 1,
        provider="anthropic",
        route="x" * 64,
        method="x" * 16,
        prompt_key=character * 128,
        version=2**31 - 1,
        tags=tuple(character * 64 for _ in range(20)),
        model_requested=character * 128,
        streamed=True,
        sdk_retry_count=999,
    )
    file = InflightFile(path)
    file.enter(encode_facts(facts))
    assert [decode_facts(raw) for raw in read_slots(crash_image(path))] == [facts]
    buckets: dict[str, Any] = dict.fromkeys(
        ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output"), 10**9
    )
    usage = TokenUsage(
        **buckets, service_tier=character * 64, other_models=(OtherModelUsage(model="x" * 64, **buckets),) * 20
    )
    record = ended(facts, model=character * 128, error_code=character * 64, usage=usage, finish_reason=character * 64)
    assert len(encode_line(record)) < MAX_LINE_BYTES
