"""Sealing: what is on the disk, in which order, and that no mishap on the way loses a record."""

import os
import queue
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.journal import Segment
from proxy.sealer import Sealer, complete
from tests.proxy.journal_stage import largest_file, make_call_line

_WAIT = 20


def make_segment(folder: Path, lines: list[bytes]) -> Segment:
    segment = Segment(folder, 64 * 1024)
    for line in lines:
        segment.write([line])
    return segment


class Stage:
    """A sealer that runs, and what it has delivered."""

    def __init__(self, folder: Path) -> None:
        self.sealed: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self.spares: queue.SimpleQueue[Segment | None] = queue.SimpleQueue()
        self.sealer = Sealer(folder, deliver_sealed=self.sealed.put, deliver_spare=self.spares.put)
        self.sealer.start()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.sealer.stop()


def test_a_sealed_segment_holds_its_lines_and_nothing_else(tmp_path: Path, stage: Stage) -> None:
    lines = [make_call_line(), make_call_line()]
    segment = make_segment(tmp_path, lines)
    stage.sealer.seal(segment)
    sealed = stage.sealed.get(timeout=_WAIT)
    assert sealed == segment.path.with_suffix(".sealed")
    assert sealed.read_bytes() == b"".join(lines)
    assert sealed.stat().st_blocks * 512 < 64 * 1024  # what was allocated ahead is given back
    assert not segment.path.exists()


def test_the_content_is_on_the_disk_before_the_name_and_then_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    original = os.fsync

    def note(file: int) -> None:
        original(file)
        is_folder = stat.S_ISDIR(os.fstat(file).st_mode)
        synced.append(
            (is_folder, os.fstat(file).st_size if not is_folder else 0, [p.suffix for p in tmp_path.iterdir()])
        )

    line = make_call_line()
    segment = make_segment(tmp_path, [line])
    monkeypatch.setattr(os, "fsync", note)
    complete(segment)
    assert synced == [(False, len(line), [".open"]), (True, 0, [".sealed"])]


def test_an_empty_segment_vanishes(tmp_path: Path, stage: Stage) -> None:
    stage.sealer.seal(make_segment(tmp_path, []))
    stage.sealer.stop()
    assert stage.sealed.empty()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("removes_folder", [False, True])
def test_a_segment_that_somebody_removed_is_written_again(tmp_path: Path, removes_folder: bool) -> None:
    folder = tmp_path / "process"
    folder.mkdir()
    line = make_call_line()
    segment = make_segment(folder, [line])
    if removes_folder:
        shutil.rmtree(folder)
    else:
        segment.path.unlink()
    sealed = complete(segment)
    assert sealed is not None
    assert sealed.read_bytes() == line
    assert [path.name for path in folder.iterdir()] == [sealed.name]


def test_a_disk_that_fails_for_a_moment_delays_a_segment_and_no_other(
    tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.fsync
    is_failing = True

    def fsync(file: int) -> None:
        nonlocal is_failing
        if is_failing:
            is_failing = False
            raise OSError(5, "Input/output error")
        original(file)

    lines = [make_call_line(), make_call_line()]
    segments = [make_segment(tmp_path, [line]) for line in lines]
    monkeypatch.setattr(os, "fsync", fsync)
    for segment in segments:
        stage.sealer.seal(segment)
    sealed = [stage.sealed.get(timeout=_WAIT) for _ in lines]
    assert sorted(path.read_bytes() for path in sealed) == sorted(lines)


def test_what_cannot_be_sealed_stays_for_the_next_process(
    tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(file: int) -> None:
        raise OSError(5, "Input/output error")

    line = make_call_line()
    segment = make_segment(tmp_path, [line])
    monkeypatch.setattr(os, "fsync", fail)
    stage.sealer.seal(segment)
    stage.sealer.stop()
    assert stage.sealed.empty()
    assert segment.path.read_bytes().startswith(line)


def test_the_next_segment_is_prepared_with_its_room(tmp_path: Path, stage: Stage) -> None:
    stage.sealer.request_spare(3 * 1024 * 1024)
    spare = stage.spares.get(timeout=_WAIT)
    assert spare is not None
    assert spare.path.stat().st_blocks * 512 >= 3 * 1024 * 1024


def test_without_room_for_the_next_segment_none_is_delivered(tmp_path: Path, stage: Stage) -> None:
    with largest_file(100_000):
        stage.sealer.request_spare(1024 * 1024)
        assert stage.spares.get(timeout=_WAIT) is None
    assert not list(tmp_path.iterdir())
