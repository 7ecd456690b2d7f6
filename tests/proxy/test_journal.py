"""The journal's writing side, in an event loop of its own: what is written when, and what happens without room."""

import asyncio
import os
import stat
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from analytics.usage import MAX_LINE_BYTES
from proxy.journal import SEAL_AFTER_LINES, JournalFull
from tests.proxy.journal_stage import JournalStage, largest_file, make_line

# --- Writing and sealing ----------------------------------------------------------------------------------------------


def test_a_record_is_in_the_file_before_it_counts_as_written(tmp_path: Path) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path)
        line, seen = make_line(), []
        stage.journal.reserve()
        stage.append(line, lambda: seen.append(stage.open_lines()))
        assert seen == [[line]]

    asyncio.run(scenario())


def test_a_segment_is_handed_over_soon_after_its_first_line(tmp_path: Path) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path)
        stage.give_spare()
        line = make_line()
        stage.write(line)
        assert not stage.finished
        await asyncio.wait_for(stage.has_finished.wait(), 10)
        (segment,) = stage.finished
        assert os.pread(segment.file, segment.written, 0) == line

    asyncio.run(scenario())


def test_a_full_segment_is_handed_over_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path)
        stage.give_spare()
        lines = [make_line() for _ in range(SEAL_AFTER_LINES + 1)]
        for line in lines:
            stage.write(line)
        (segment,) = stage.finished
        assert segment.lines == SEAL_AFTER_LINES
        assert os.pread(segment.file, segment.written, 0) == b"".join(lines[:-1])

    asyncio.run(scenario())


def test_without_a_spare_the_segment_goes_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path)
        lines = [make_line() for _ in range(SEAL_AFTER_LINES + 100)]
        assert all(stage.write(line) == [line] for line in lines)
        assert not stage.finished
        stage.give_spare()
        lines.append(make_line())
        stage.write(lines[-1])
        (segment,) = stage.finished
        assert os.pread(segment.file, segment.written, 0) == b"".join(lines)

    asyncio.run(scenario())


def test_closing_hands_over_what_is_left_and_keeps_no_spare(tmp_path: Path) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path)
        spare = stage.give_spare()
        line = make_line()
        stage.write(line)
        await stage.journal.close()
        (segment,) = stage.finished
        assert os.pread(segment.file, segment.written, 0) == line
        assert not spare.path.exists()

    asyncio.run(scenario())


def test_a_record_after_the_close_does_not_count_as_written(tmp_path: Path) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path)
        stage.journal.reserve()
        await stage.journal.close()
        written: list[bool] = []
        stage.append(make_line(), lambda: written.append(True))
        assert not written
        assert stage.finished[0].written == 0

    asyncio.run(scenario())


# --- Room -------------------------------------------------------------------------------------------------------------


def test_every_admitted_call_has_room_for_the_largest_record(tmp_path: Path) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path)
        for _ in range(200):
            stage.journal.reserve()
        path = stage.only_file()
        assert path.stat().st_blocks * 512 >= 200 * MAX_LINE_BYTES  # allocated, not only promised
        written = []
        with largest_file(path.stat().st_size):
            for _ in range(200):
                stage.append(make_line(MAX_LINE_BYTES), lambda: written.append(True))
        assert len(written) == 200

    asyncio.run(scenario())


def test_no_call_is_admitted_without_room(tmp_path: Path) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path)
        path = stage.only_file()
        with largest_file(path.stat().st_size):
            assert stage.admit_all() == path.stat().st_size // MAX_LINE_BYTES
            stage.journal.release()
            stage.journal.reserve()  # what one gives back another may take
        stage.journal.reserve()

    asyncio.run(scenario())


def test_the_next_segment_has_room_for_the_calls_already_admitted(tmp_path: Path) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path)
        small = stage.give_spare()
        for _ in range(200):
            stage.journal.reserve()
        written: list[bool] = []
        for _ in range(SEAL_AFTER_LINES):
            stage.write(make_line())
        assert not stage.finished
        assert not small.path.exists()  # it could not hold them
        large = stage.give_spare()
        stage.write(make_line())
        assert len(stage.finished) == 1
        with largest_file(large.path.stat().st_size):
            for _ in range(200):
                stage.append(make_line(MAX_LINE_BYTES), lambda: written.append(True))
        assert len(written) == 200

    asyncio.run(scenario())


def test_after_a_short_write_only_whole_lines_are_left(tmp_path: Path) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path)
        stage.give_spare()
        first, second = make_line(2000), make_line(2000)
        stage.write(first)
        stage.journal.reserve()
        written: list[bool] = []
        with largest_file(len(first) + 1000):
            stage.append(second, lambda: written.append(True))
        (segment,) = stage.finished
        assert segment.path.read_bytes() == first
        assert not written
        stage.journal.reserve()  # room again: what waited goes first
        assert written == [True]
        assert stage.open_lines() == [first, second] or stage.open_lines() == [second, first]

    asyncio.run(scenario())


def test_a_record_that_cannot_be_written_waits_in_memory_and_admits_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path)
        stage.journal.add_spare(None)
        lines = [make_line(3000) for _ in range(3)]
        written: list[bytes] = []
        for _ in lines:
            stage.journal.reserve()
        with largest_file(1000):
            for line in lines:
                stage.append(line, partial(written.append, line))
            with pytest.raises(JournalFull):
                stage.journal.reserve()
        assert not written
        assert stage.open_lines() == []
        stage.journal.reserve()
        assert written == lines  # once each, in their order
        assert stage.open_lines() == lines

    asyncio.run(scenario())


def test_what_waits_in_memory_is_written_by_itself_when_there_is_room(tmp_path: Path) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path)
        is_written = asyncio.Event()
        stage.journal.reserve()
        with largest_file(1000):
            stage.append(make_line(3000), is_written.set)
            assert not is_written.is_set()
        await asyncio.wait_for(is_written.wait(), 10)

    asyncio.run(scenario())


def test_what_waits_in_memory_is_written_at_the_close_or_else_not_counted(tmp_path: Path) -> None:
    async def scenario(*, has_room: bool) -> list[bool]:
        folder = tmp_path / str(has_room)
        folder.mkdir()
        stage = JournalStage(folder)
        written: list[bool] = []
        stage.journal.reserve()
        with largest_file(1000):
            stage.append(make_line(3000), lambda: written.append(True))
            if not has_room:
                await stage.journal.close()
        if has_room:
            await stage.journal.close()
        return written

    assert asyncio.run(scenario(has_room=True)) == [True]
    assert asyncio.run(scenario(has_room=False)) == []


# --- JOURNAL_SYNC=always ----------------------------------------------------------------------------------------------


class SyncedBytes:
    """Notes what each fsync found in the file: exactly that may be relied on after a power loss."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.contents: list[bytes] = []
        self.before: Callable[[], object] = lambda: None
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._note)

    def _note(self, file: int) -> None:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            return
        content = os.pread(file, 1 << 24, 0)
        self.before()
        self._fsync(file)
        self.contents.append(content)

    def holds(self, line: bytes) -> bool:
        return any(line in content for content in self.contents)


def test_with_sync_always_an_answer_waits_for_its_own_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def call(stage: JournalStage, disk: SyncedBytes, number: int) -> None:
        for _ in range(number % 5):
            await asyncio.sleep(0)
        line = make_line()
        stage.write(line)
        await stage.journal.sync()
        assert disk.holds(line)

    async def scenario() -> None:
        stage = JournalStage(tmp_path, syncs_always=True)
        disk = SyncedBytes(monkeypatch)
        stage.give_spare()
        await asyncio.gather(*(call(stage, disk, number) for number in range(SEAL_AFTER_LINES + 200)))
        assert len(disk.contents) < SEAL_AFTER_LINES  # calls that come together share an fsync

    asyncio.run(scenario())


def test_with_sync_always_segments_are_handed_over_under_a_steady_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path, syncs_always=True)
        disk = SyncedBytes(monkeypatch)
        appended = threading.Event()

        def wait_for_another() -> None:
            appended.wait(10)
            appended.clear()

        disk.before = wait_for_another  # so that there is always a record that is not synced
        stage.give_spare()
        syncs = []
        for _ in range(2 * SEAL_AFTER_LINES):
            stage.write(make_line())
            appended.set()
            syncs.append(asyncio.create_task(stage.journal.sync()))
            await asyncio.sleep(0)
        while not stage.finished:
            stage.write(make_line())
            appended.set()
            await asyncio.sleep(0)
        (segment,) = stage.finished
        assert disk.holds(os.pread(segment.file, segment.written, 0))
        disk.before = lambda: None
        appended.set()
        await asyncio.gather(*syncs)

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_a_caller_that_leaves_does_not_end_the_fsync_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        stage = JournalStage(tmp_path, syncs_always=True)
        disk = SyncedBytes(monkeypatch)
        may_end = threading.Event()
        disk.before = lambda: may_end.wait(10)
        line = make_line()
        stage.write(line)
        leaving, staying = (asyncio.create_task(stage.journal.sync()) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        may_end.set()
        await staying
        assert len(disk.contents) == 1
        assert disk.holds(line)

    asyncio.run(scenario())


def test_a_disk_that_fails_to_sync_fails_the_call_and_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError(5, "Input/output error")

    async def scenario() -> None:
        stage = JournalStage(tmp_path, syncs_always=True)
        disk = SyncedBytes(monkeypatch)
        disk.before = fail
        line = make_line()
        stage.write(line)
        with pytest.raises(OSError, match="Input/output"):
            await stage.journal.sync()
        disk.before = lambda: None
        await stage.journal.sync()
        assert disk.holds(line)

    asyncio.run(scenario())
