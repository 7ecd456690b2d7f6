"""`manage.py replay_journal`: after a restore, beside living processes, and with segments that cannot be posted."""

from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from analytics.models import DailyTagUsage, DailyUsage, LedgerRecord, UsageBatch
from analytics.usage import FORMAT_VERSION, encode_line
from orgs.models import ApiKey
from proxy import tasks
from proxy.process_directory import ProcessDirectory
from proxy.publishing import lines_of
from tests.analytics.usage_lines import USUAL_COST, make_record
from tests.factories import make_key
from tests.proxy.left_behind import LeftBehind

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def key() -> ApiKey:
    return make_key()[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def make_lines(key: ApiKey, count: int = 1) -> list[bytes]:
    return [encode_line(make_record(key)) for _ in range(count)]


def replay(folder: Path) -> str:
    output = StringIO()
    call_command("replay_journal", folder, stdout=output, stderr=output)
    return output.getvalue()


def total_cost() -> int:
    return int(DailyUsage.objects.aggregate(sum=Sum("cost_pico_usd"))["sum"] or 0)


def test_every_segment_of_a_dead_process_is_posted_whatever_its_state(root: Path, key: ApiKey) -> None:
    left = LeftBehind(root)
    for suffix in (".open", ".sealed", ".posted"):
        left.add(suffix, make_lines(key), tail=bytes(100) if suffix == ".open" else b"")
    assert "3 posted now" in replay(root)
    assert LedgerRecord.objects.count() == 3
    assert total_cost() == 3 * USUAL_COST


def test_replaying_twice_adds_nothing(root: Path, key: ApiKey) -> None:
    LeftBehind(root).add(".sealed", make_lines(key, 2))
    replay(root)
    assert "0 posted now" in replay(root)
    assert total_cost() == 2 * USUAL_COST


def test_after_a_restore_what_the_backup_lacks_comes_back(root: Path, key: ApiKey) -> None:
    left = LeftBehind(root)
    before, after = (left.add(".posted", make_lines(key, 2)) for _ in range(2))
    tasks.post_batch(before.stem, lines_of(before.read_bytes()))
    tasks.post_batch(after.stem, lines_of(after.read_bytes()))
    # The restored database knows nothing of the second.
    UsageBatch.objects.filter(segment_id=after.stem).delete()
    LedgerRecord.objects.filter(segment_id=after.stem).delete()
    DailyUsage.objects.update(cost_pico_usd=2 * USUAL_COST, request_count=2)
    DailyTagUsage.objects.update(cost_pico_usd=2 * USUAL_COST, request_count=2)
    assert "1 posted now" in replay(root)
    assert LedgerRecord.objects.count() == 4
    assert total_cost() == 4 * USUAL_COST


def test_half_a_segment_of_a_living_process_is_not_posted(root: Path, key: ApiKey) -> None:
    living = ProcessDirectory(root)
    lines = make_lines(key, 2)
    name = str(uuid4())
    (living.path / f"{name}.open").write_bytes(lines[0] + bytes(100))
    (living.path / f"{uuid4()}.sealed").write_bytes(make_lines(key)[0])
    answer = replay(root)
    assert "1 posted now" in answer
    assert "1 left out" in answer
    assert not UsageBatch.objects.filter(segment_id=name).exists()


def test_a_copy_of_a_journal_is_posted_without_its_lock(root: Path, key: ApiKey) -> None:
    root.mkdir()
    (root / f"{uuid4()}.open").write_bytes(make_lines(key)[0])
    assert "1 posted now" in replay(root)


def test_what_cannot_be_posted_is_named_and_the_rest_is_posted(root: Path, key: ApiKey) -> None:
    left = LeftBehind(root)
    newer = left.add(".sealed", [b'{"v":%d,"id":"x"}\n' % (FORMAT_VERSION + 1)])
    left.add(".sealed", make_lines(key))
    output = StringIO()
    with pytest.raises(CommandError, match="1 segments could not be posted"):
        call_command("replay_journal", root, stdout=StringIO(), stderr=output)
    assert str(newer) in output.getvalue()
    assert newer.exists()
    assert LedgerRecord.objects.count() == 1


def test_a_name_that_is_no_segment_s_is_told(root: Path, key: ApiKey) -> None:
    left = LeftBehind(root)
    left.add(".sealed", make_lines(key), name="notes")
    left.add(".sealed", make_lines(key))
    with pytest.raises(CommandError, match="1 segments could not be posted"):
        replay(root)
    assert LedgerRecord.objects.count() == 1


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not a directory"):
        replay(tmp_path / "nowhere")
