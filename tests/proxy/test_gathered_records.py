"""The records of a turn of the event loop are written together, and before the last byte of any of their answers."""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from proxy.held_writes import MAX_HELD_BYTES, turn_of
from proxy.journal import JournalFull
from tests.proxy.http1.raw_server import run
from tests.proxy.journal_stage import JournalStage, largest_file, make_line
from tests.proxy.test_held_writes import Pair, pairs, turn

LARGE = b"x" * (MAX_HELD_BYTES + 1)


def written(*parts: bytes, closes: bool = False) -> Callable[[Pair], None]:
    def write(pair: Pair) -> None:
        for part in parts:
            pair.transport.write(part)
        if closes:
            pair.transport.close()

    return write


TO_THE_CLIENT = {
    "waits": written(b"x"),
    "is too large to wait": written(LARGE),
    "ends the connection": written(b"x", closes=True),
    "does not fit what waits": written(b"x" * 8000, b"x" * 8000),
}


@pytest.mark.parametrize("what", TO_THE_CLIENT)
def test_a_record_is_in_the_file_before_anything_goes_to_a_client(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    real = os.pwrite

    def pwrite(file: int, content: bytes, offset: int) -> int:
        assert all(pair.arrived() == b"" for pair in made)
        writes.append(content.count(b"\n"))
        return real(file, content, offset)

    async def main() -> None:
        stage = JournalStage(tmp_path, turn=turn_of(asyncio.get_running_loop()))
        made.extend(await pairs(3))
        records = [stage.write(make_line()) for _ in made]
        assert not any(records)
        for pair in made:
            TO_THE_CLIENT[what](pair)
        await turn()
        assert all(records)
        assert all(pair.arrived() for pair in made)
        for pair in made:
            pair.transport.abort()
            pair.far.close()
        await stage.journal.close()

    made: list[Pair] = []
    monkeypatch.setattr(os, "pwrite", pwrite)
    run(main())
    assert writes == [3]


def test_a_record_does_not_wait_where_writes_do_not(tmp_path: Path) -> None:
    async def main() -> None:
        own = turn_of(asyncio.get_running_loop())
        stage = JournalStage(tmp_path, turn=own)
        own.at_once = 1
        assert stage.write(make_line())
        await stage.journal.close()

    run(main())


def test_records_without_an_answer_are_written_at_the_end_of_the_turn(tmp_path: Path) -> None:
    async def main() -> None:
        stage = JournalStage(tmp_path, turn=turn_of(asyncio.get_running_loop()))
        for _ in range(3):
            lines = [make_line(), make_line()]
            written = [stage.write(line) for line in lines]
            await turn()
            assert all(written)
        assert len(stage.open_lines()) == 6
        await stage.journal.close()

    run(main())


def test_what_is_gathered_is_not_left_behind_by_a_sync_or_at_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        stage = JournalStage(tmp_path, turn=turn_of(asyncio.get_running_loop()))
        first = stage.write(make_line())
        await stage.journal.sync()
        assert first
        second = stage.write(make_line())
        await stage.journal.close()
        assert second
        assert sum(segment.lines for segment in stage.finished) == 2

    run(main())


def test_gathered_records_without_room_wait_in_memory(tmp_path: Path) -> None:
    async def main() -> None:
        stage = JournalStage(tmp_path, turn=turn_of(asyncio.get_running_loop()))
        stage.journal.add_spare(None)
        lines, written = [make_line(3000) for _ in range(3)], list[bytes]()
        for _ in lines:
            stage.journal.reserve()
        with largest_file(4000):  # there is room for the first
            for line in lines:
                stage.append(line, partial(written.append, line))
            await turn()
            with pytest.raises(JournalFull):
                stage.journal.reserve()
        stage.journal.reserve()
        assert (written, stage.open_lines()) == (lines, lines)
        await stage.journal.close()

    run(main())
