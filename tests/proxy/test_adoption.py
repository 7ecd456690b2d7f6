"""Taking over what dead processes left: nothing is lost, nothing is doubled, whenever the adopter itself dies."""

import itertools
import logging
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from analytics.usage import FORMAT_VERSION, decode_line
from proxy.adoption import adopt_all
from proxy.process_directory import ProcessDirectory
from tests.proxy.journal_stage import make_call_line
from tests.proxy.left_behind import LeftBehind, leave_everything, lines_in, make_slot


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def own(root: Path) -> Path:
    return ProcessDirectory(root).path


@pytest.fixture
def left(root: Path) -> LeftBehind:
    return LeftBehind(root)


def interrupted_in(lines: Counter[bytes]) -> set[str]:
    return {record.id for record in map(decode_line, lines) if record.state == "interrupted"}


# --- What is taken over -----------------------------------------------------------------------------------------------


def test_of_an_unsealed_segment_the_whole_lines_are_kept(root: Path, own: Path, left: LeftBehind) -> None:
    lines = [make_call_line(), make_call_line()]
    left.add(".open", lines, tail=make_call_line()[:-1])
    left.add(".open", lines[:1], tail=bytes(4096))
    adopt_all(root, own)
    assert lines_in(own, [".sealed"]) == Counter(lines + lines[:1])
    assert not left.path.exists()


def test_an_unsealed_segment_without_a_whole_line_vanishes(root: Path, own: Path, left: LeftBehind) -> None:
    left.add(".open", [], tail=bytes(1024))
    left.add(".open", [], tail=b'{"v":1')
    adopt_all(root, own)
    assert [path.name for path in own.iterdir()] == ["lock"]


def test_segments_keep_their_names_and_what_is_posted_stays_posted(root: Path, own: Path, left: LeftBehind) -> None:
    paths = [left.add(suffix, [make_call_line()]) for suffix in (".sealed", ".posted")]
    adopt_all(root, own)
    assert {path.name for path in own.iterdir()} == {"lock", *(path.name for path in paths)}


def test_a_call_without_a_record_becomes_an_interrupted_one(root: Path, own: Path, left: LeftBehind) -> None:
    left.add_slots([make_slot("a" * 32), make_slot("b" * 32)])
    adopt_all(root, own)
    assert interrupted_in(lines_in(own)) == {"a" * 32, "b" * 32}
    (record, _) = map(decode_line, lines_in(own))
    assert (record.provider, record.status, record.usage_source) == ("openai", 0, "none")


@pytest.mark.parametrize("suffix", [".open", ".sealed", ".posted"])
def test_a_call_whose_record_was_written_is_not_interrupted(
    root: Path, own: Path, left: LeftBehind, suffix: str
) -> None:
    left.add(suffix, [make_call_line("a" * 32)])
    left.add_slots([make_slot("a" * 32)])
    adopt_all(root, own)
    assert lines_in(own) == Counter([make_call_line("a" * 32)])


def test_a_record_of_a_newer_release_counts_as_the_call_s_record(root: Path, own: Path, left: LeftBehind) -> None:
    newer = b'{"v":%d,"id":"%s","novelty":[1]}\n' % (FORMAT_VERSION + 1, b"a" * 32)
    left.add(".open", [newer])
    left.add_slots([make_slot("a" * 32)])
    adopt_all(root, own)
    assert lines_in(own) == Counter([newer])


def test_an_unreadable_slot_or_line_does_not_hold_up_the_others(
    root: Path, own: Path, left: LeftBehind, caplog: pytest.LogCaptureFixture
) -> None:
    left.add_slots([b'{"v":1,"id"', b"\xff\xfe", make_slot("a" * 32)])
    left.add(".sealed", [b"garbage\n", b"\xff\n", make_call_line("b" * 32)])
    adopt_all(root, own)
    assert sum(lines_in(own).values()) == 4
    assert len([entry for entry in caplog.records if entry.levelno == logging.ERROR]) == 4


def test_what_has_no_lock_is_not_a_journal(root: Path, own: Path) -> None:
    stranger = root / "lost+found"
    stranger.mkdir()
    (stranger / "a.sealed").write_bytes(make_call_line())
    (root / "README").touch()
    adopt_all(root, own)
    assert (stranger / "a.sealed").exists()
    assert lines_in(own) == Counter()


# --- What is left alone -----------------------------------------------------------------------------------------------


def test_a_living_process_keeps_its_directory(root: Path, own: Path) -> None:
    living = ProcessDirectory(root)
    segment = living.path / "a.sealed"
    segment.write_bytes(make_call_line())
    adopt_all(root, own)
    assert segment.exists()
    living.release()
    adopt_all(root, own)
    assert not living.path.exists()
    assert sum(lines_in(own).values()) == 1


def test_a_directory_that_is_being_made_is_left_alone(root: Path, own: Path) -> None:
    hidden = root / ".0123456789abcdef0123456789abcdef"
    hidden.mkdir()
    (hidden / "lock").touch()  # its maker has not locked it yet
    adopt_all(root, own)
    assert (hidden / "lock").exists()


# --- Adopters in each other's way, and dying --------------------------------------------------------------------------


def test_two_adopters_at_once_share_what_is_left(root: Path) -> None:
    expected: Counter[bytes] = Counter()
    cut_off: set[str] = set()
    for _ in range(12):
        lines, calls = leave_everything(root)
        expected += lines
        cut_off |= calls
    owners = [ProcessDirectory(root) for _ in range(3)]
    start = threading.Barrier(len(owners))

    def adopt(own: Path) -> None:
        start.wait()
        adopt_all(root, own)

    threads = [threading.Thread(target=adopt, args=(owner.path,)) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    adopt_all(root, owners[0].path)
    found = sum((lines_in(owner.path) for owner in owners), Counter())
    assert interrupted_in(found) == cut_off
    assert found - expected == Counter({line: 1 for line in found if decode_line(line).id in cut_off})
    assert not expected - found
    assert set(root.iterdir()) == {owner.path for owner in owners}


class Died(BaseException):
    pass


class Death:
    """Makes this thread fail just before its nth step in a folder, as a kill would: the step and all after it are not
    done. Steps are what Python's audit hooks tell of: opening, renaming, truncating, removing, listing.
    """

    _STEPS = frozenset(
        {"open", "os.rename", "os.remove", "os.truncate", "os.rmdir", "os.listdir", "os.scandir", "shutil.rmtree"}
    )
    _current: "Death | None" = None

    def __init__(self, folder: Path, nth: int) -> None:
        self.folder = str(folder)
        self.left = nth

    def __enter__(self) -> None:
        Death._current = self

    def __exit__(self, *_: object) -> None:
        Death._current = None

    @staticmethod
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        death = Death._current
        if death is None or event not in Death._STEPS or death.folder not in str(arguments[0]):
            return
        death.left -= 1
        if death.left <= 0:
            raise Died


sys.addaudithook(Death.hook)


def test_an_adoption_may_be_interrupted_at_every_step(tmp_path: Path) -> None:
    for nth in itertools.count(1):
        root = tmp_path / str(nth)
        lines, cut_off = leave_everything(root)
        first = ProcessDirectory(root)
        try:
            with Death(root, nth):
                adopt_all(root, first.path)
            has_died = False
        except Died:
            has_died = True
        (first.path / "inflight").touch()
        first.release()
        second = ProcessDirectory(root)
        adopt_all(root, second.path)
        found = lines_in(second.path)
        assert interrupted_in(found) == cut_off, nth
        assert sum(found.values()) == sum(lines.values()) + len(cut_off), nth
        assert not lines - found, nth
        assert sum(lines_in(second.path, [".posted"]).values()) == 1, nth
        second.release()
        if not has_died:
            break
    assert nth > 20


def test_interrupted_calls_half_written_by_an_adopter_that_died_are_written_again(
    root: Path, own: Path, left: LeftBehind
) -> None:
    left.add_slots([make_slot("a" * 32), make_slot("b" * 32)])
    adopt_all(root, own)
    (segment,) = own.glob("*.sealed")
    # The same again, from a folder in which the first adopter had come half-way.
    again = LeftBehind(root)
    again.path.rename(root / left.path.name)
    again.path = root / left.path.name
    again.add_slots([make_slot("a" * 32), make_slot("b" * 32)])
    (again.path / segment.name).with_suffix(".unready").write_bytes(segment.read_bytes()[:200])
    content = segment.read_bytes()
    segment.unlink()
    adopt_all(root, own)
    assert segment.read_bytes() == content
