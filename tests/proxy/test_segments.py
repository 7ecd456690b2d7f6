"""One file of the journal: what counts of it after a crash, and that it takes its room before it is used."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.journal import Segment, complete_lines
from tests.proxy.journal_stage import largest_file


@given(st.lists(st.integers(2, 200)), st.binary(max_size=60), st.integers(0, 100))
def test_of_a_crash_image_the_whole_lines_count(lengths: list[int], tail: bytes, zeros: int) -> None:
    whole = b"".join(b"x" * (length - 1) + b"\n" for length in lengths)
    half = tail.replace(b"\n", b"").replace(b"\0", b"")
    assert complete_lines(whole + half + bytes(zeros)) == whole


def test_a_segment_without_room_leaves_no_file(tmp_path: Path) -> None:
    with largest_file(1000), pytest.raises(OSError, match="too large"):
        Segment(tmp_path, 5000)
    assert not list(tmp_path.iterdir())


def test_a_segment_s_name_is_on_the_disk_before_its_first_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_ino))
    Segment(tmp_path, 5000)
    assert synced == [tmp_path.stat().st_ino]
