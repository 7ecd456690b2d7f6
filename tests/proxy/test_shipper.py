"""The shipper, round by round, on a clock of the test: what it publishes when, and what it deletes, never too early.

`Broker` stands for Celery and Redis; the ledger and its task are the real ones.
"""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from analytics.models import LedgerRecord, RejectedRecord, UsageBatch
from analytics.usage import FORMAT_VERSION, encode_line
from orgs.models import ApiKey
from proxy import tasks
from proxy.process_directory import ProcessDirectory
from proxy.publishing import InProcessPublisher, Publisher, lines_of
from proxy.shipper import ADOPT_SECONDS, FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, Shipper
from tests.analytics.usage_lines import make_record
from tests.factories import make_key
from tests.proxy.left_behind import LeftBehind

pytestmark = [pytest.mark.trial, pytest.mark.django_db]
HOUR = 3600


class Broker:
    """Takes segments and does nothing with them."""

    def __init__(self) -> None:
        self.published: list[str] = []
        self.is_away = False
        self.has_free_places = True
        self.fills_at = -1  # segments

    def look(self) -> None:
        pass

    def has_room(self) -> bool:
        return self.has_free_places

    def publish(self, segment_id: str, segment: bytes) -> bool:
        if self.is_away:
            raise ConnectionError("no broker")
        self.published.append(segment_id)
        self.has_free_places = self.has_free_places and len(self.published) != self.fills_at
        return self.has_free_places


class Stage:
    def __init__(self, root: Path, publisher: Publisher, key: ApiKey) -> None:
        self.root = root
        self.own = ProcessDirectory(root).path
        self.key = key
        self.now = 1000.0
        self.shipper = Shipper(root, self.own, publisher=publisher, retention_seconds=HOUR, clock=lambda: self.now)

    def seal(self, lines: Sequence[bytes] = ()) -> Path:
        """A segment of this process, with two records unless lines are given."""
        path = self.own / f"{uuid4()}.sealed"
        path.write_bytes(b"".join(lines or [encode_line(make_record(self.key)) for _ in range(2)]))
        self.shipper.add(path)
        return path

    def rounds(self, seconds: float, step: float = 5) -> None:
        """Rounds until so much later."""
        end = self.now + seconds
        while self.now < end:
            self.now += step
            self.shipper.work()


@pytest.fixture
def key() -> ApiKey:
    return make_key()[0]


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def stage(tmp_path: Path, broker: Broker, key: ApiKey) -> Stage:
    """In production: the broker takes segments, and the test posts them when it likes."""
    return Stage(tmp_path / "journal", broker, key)


@pytest.fixture
def trial(tmp_path: Path, key: ApiKey) -> Stage:
    """In trial mode: publishing is posting."""
    return Stage(tmp_path / "trial", InProcessPublisher(), key)


def post(segment: Path) -> None:
    """What a worker does with it."""
    tasks.post_batch(segment.stem, lines_of(segment.read_bytes()))


def is_posted(segment: Path) -> bool:
    """Whether the shipper holds it for posted."""
    assert segment.exists() != segment.with_suffix(".posted").exists()
    return not segment.exists()


# --- Publishing and receipts ------------------------------------------------------------------------------------------


def test_a_sealed_segment_is_in_the_ledger_after_a_round(trial: Stage) -> None:
    segment = trial.seal()
    trial.shipper.work()
    assert LedgerRecord.objects.count() == 2
    assert is_posted(segment)


def test_a_segment_counts_as_posted_only_with_its_receipt(stage: Stage, broker: Broker) -> None:
    segment = stage.seal()
    stage.shipper.work()
    assert broker.published == [segment.stem]
    assert not is_posted(segment)
    post(segment)
    stage.shipper.work()
    assert is_posted(segment)
    stage.rounds(2 * LONGEST_RETRY_SECONDS)
    assert broker.published == [segment.stem]


def test_without_a_receipt_it_is_published_again_at_growing_intervals(stage: Stage, broker: Broker) -> None:
    stage.seal()
    times = []
    for _ in range(260):
        before = len(broker.published)
        stage.shipper.work()
        if len(broker.published) > before:
            times.append(stage.now - 1000)
        stage.now += 5
    assert times == [0, 10, 30, 70, 150, 310, 610, 910, 1210]
    assert FIRST_RETRY_SECONDS == 10


def test_days_without_a_receipt_do_not_end_the_attempts(stage: Stage, broker: Broker) -> None:
    segment = stage.seal()
    for _ in range(1100):  # four days
        stage.shipper.work()
        stage.now += LONGEST_RETRY_SECONDS
    assert len(broker.published) == 1100
    post(segment)
    stage.shipper.work()
    assert is_posted(segment)


@pytest.mark.parametrize("wrong", [{"line_count": 1}, {"sha256": "0" * 64}])
def test_a_receipt_that_differs_keeps_the_file_and_is_told_once(
    stage: Stage, broker: Broker, caplog: pytest.LogCaptureFixture, wrong: dict[str, object]
) -> None:
    segment = stage.seal()
    post(segment)
    UsageBatch.objects.filter(segment_id=segment.stem).update(**wrong)
    stage.rounds(2 * LONGEST_RETRY_SECONDS)
    assert not is_posted(segment)
    assert len([entry for entry in caplog.records if entry.levelno == logging.CRITICAL]) == 1
    assert len(broker.published) == 1


def test_a_full_queue_is_left_alone_until_it_has_room(stage: Stage, broker: Broker) -> None:
    broker.has_free_places = False
    segments = {stage.seal().stem for _ in range(3)}
    stage.rounds(60)
    assert broker.published == []
    broker.has_free_places, broker.fills_at = True, 2
    stage.shipper.work()
    assert len(broker.published) == 2
    broker.has_free_places = True
    stage.shipper.work()
    assert set(broker.published) == segments


def test_a_broker_that_comes_back_gets_everything(stage: Stage, broker: Broker) -> None:
    broker.is_away = True
    segments = {stage.seal().stem for _ in range(3)}
    stage.rounds(60)
    broker.is_away = False
    stage.rounds(2 * LONGEST_RETRY_SECONDS)
    assert set(broker.published) == segments


def test_a_broker_that_was_away_for_long_gets_everything_in_the_next_rounds(stage: Stage, broker: Broker) -> None:
    broker.is_away = True
    segments = {stage.seal().stem for _ in range(3)}
    stage.rounds(HOUR)
    broker.is_away = False
    stage.rounds(2, step=0.5)
    assert set(broker.published) == segments


def test_a_database_that_was_away_for_long_gets_everything_again_at_once(
    stage: Stage, broker: Broker, django_db_blocker: DjangoDbBlocker
) -> None:
    segments = [stage.seal().stem for _ in range(3)]
    with django_db_blocker.block():
        for _ in range(40):
            with pytest.raises(RuntimeError):
                stage.shipper.work()
            stage.now += 30
    broker.published.clear()
    stage.rounds(1, step=0.5)
    assert broker.published == segments


def test_while_the_database_is_away_segments_are_published_and_kept(
    stage: Stage, broker: Broker, django_db_blocker: DjangoDbBlocker
) -> None:
    segments = [stage.seal()]
    with django_db_blocker.block():
        for _ in range(3):
            with pytest.raises(RuntimeError):
                stage.shipper.work()
            stage.now += 1
            segments.append(stage.seal())
    stage.shipper.work()
    assert broker.published == [segment.stem for segment in segments]
    assert not any(is_posted(segment) for segment in segments)


def test_one_segment_that_cannot_be_posted_does_not_hold_up_the_others(trial: Stage) -> None:
    newer = trial.seal([b'{"v":%d,"id":"x"}\n' % (FORMAT_VERSION + 1)])
    others = [trial.seal() for _ in range(2)]
    trial.rounds(600)
    assert not is_posted(newer)
    assert all(is_posted(segment) for segment in others)
    assert not UsageBatch.objects.filter(segment_id=newer.stem).exists()


def test_a_damaged_line_is_rejected_and_its_neighbours_are_posted(trial: Stage) -> None:
    line = encode_line(make_record(trial.key))
    segment = trial.seal([line, b'{"v":1,"id":"half\n', encode_line(make_record(trial.key))])
    trial.shipper.work()
    assert LedgerRecord.objects.count() == 2
    assert RejectedRecord.objects.get().line_number in {1, 2}
    assert is_posted(segment)


def test_a_segment_with_damaged_characters_is_posted_and_its_file_kept(trial: Stage) -> None:
    segment = trial.seal([encode_line(make_record(trial.key)), b'{"v":1,"id":"\xff\xfe"}\n'])
    trial.shipper.work()
    assert LedgerRecord.objects.count() == 1
    assert not is_posted(segment)


# --- Keeping and adopting ---------------------------------------------------------------------------------------------


def test_a_posted_segment_is_deleted_after_the_retention_and_a_waiting_one_never(stage: Stage) -> None:
    old, young, waiting = (stage.seal() for _ in range(3))
    for segment in (old, young):
        post(segment)
    stage.shipper.work()
    long_ago = timezone.now().timestamp() - HOUR - 60
    for path in (old.with_suffix(".posted"), waiting):
        os.utime(path, (long_ago, long_ago))
    stage.rounds(ADOPT_SECONDS + 1)
    assert not old.with_suffix(".posted").exists()
    assert young.with_suffix(".posted").exists()
    assert waiting.exists()


def test_what_a_dead_process_left_is_published_at_the_next_adoption(stage: Stage, broker: Broker) -> None:
    stage.shipper.work()
    left = LeftBehind(stage.root)
    segment = left.add(".open", [encode_line(make_record(stage.key))], tail=bytes(100))
    stage.rounds(ADOPT_SECONDS - 5)
    assert broker.published == []
    stage.rounds(5)
    assert broker.published == [segment.stem]
    adopted = stage.own / f"{segment.stem}.sealed"
    post(adopted)
    stage.shipper.work()
    assert is_posted(adopted)


def test_a_sealed_segment_that_nobody_announced_is_found(stage: Stage, broker: Broker) -> None:
    stage.shipper.work()
    path = stage.own / f"{uuid4()}.sealed"
    path.write_bytes(encode_line(make_record(stage.key)))
    stage.rounds(ADOPT_SECONDS + 1)
    assert broker.published == [path.stem]


def test_a_stray_file_does_not_hold_up_the_segments(stage: Stage, broker: Broker) -> None:
    (stage.own / "copy of a segment.sealed").write_bytes(b"{}\n")
    segment = stage.seal()
    post(segment)
    stage.shipper.work()
    assert is_posted(segment)


# --- The orderly stop -------------------------------------------------------------------------------------------------


def test_a_stop_publishes_what_was_just_sealed(stage: Stage, broker: Broker) -> None:
    segments = {stage.seal().stem for _ in range(3)}
    stage.shipper.ship_the_rest()
    assert set(broker.published) == segments
    assert LedgerRecord.objects.count() == 0


def test_a_stop_without_the_broker_posts_directly_also_what_was_tried_before(stage: Stage, broker: Broker) -> None:
    taken = stage.seal()
    stage.shipper.work()
    broker.is_away = True
    tried = stage.seal()
    stage.shipper.work()
    new = stage.seal()
    stage.shipper.ship_the_rest()
    assert all(is_posted(segment) for segment in (taken, tried, new))
    assert LedgerRecord.objects.count() == 6


def test_a_stop_without_the_broker_leaves_only_what_a_newer_release_wrote(stage: Stage, broker: Broker) -> None:
    broker.is_away = True
    newer = stage.seal([b'{"v":%d,"id":"x"}\n' % (FORMAT_VERSION + 1)])
    other = stage.seal()
    stage.shipper.ship_the_rest()
    assert not is_posted(newer)
    assert is_posted(other)


def test_a_stop_without_broker_and_database_leaves_the_files(
    stage: Stage, broker: Broker, django_db_blocker: DjangoDbBlocker
) -> None:
    broker.is_away = True
    segments = [stage.seal() for _ in range(2)]
    contents = [segment.read_bytes() for segment in segments]
    with django_db_blocker.block(), pytest.raises(RuntimeError):
        stage.shipper.ship_the_rest()
    assert [segment.read_bytes() for segment in segments] == contents
