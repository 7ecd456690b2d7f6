"""Who waits for whom: a call and what a later answer tells of it find each other in whatever order they come."""

from itertools import permutations

import msgspec
import pytest

from analytics.shelf import Kept, Name, Shelf
from analytics.usage import Alias, Completion, TokenUsage, UsageRecord

pytestmark = pytest.mark.trial

USAGE = TokenUsage(input=5)


def record(number: int, **fields: object) -> UsageRecord:
    return UsageRecord(
        v=2,
        id=f"{number:032x}",
        started_at=number,
        organization_id=1,
        team_id=1,
        api_key_id=1,
        provider="openai",
        route="batches",
        **fields,  # type: ignore[arg-type]  # of any type
    )


PENDING = record(1, state="pending", object_id="batch_1")
NAMED = record(2, aliases=(Alias("file_1", "batch_1"), Alias("file_2", "batch_1")))
SUMMED = record(3, completion=Completion(object_id="batch_1", usage=USAGE, is_final=False))
RESULTS = record(4, completion=Completion(object_id="file_1", usage=USAGE, finish_reason="completed"))
FAILURES = record(5, completion=Completion(object_id="file_2"))


def test_whatever_comes_first_the_call_is_settled_by_its_results() -> None:
    for order in permutations((PENDING, NAMED, SUMMED, RESULTS, FAILURES)):
        kept: dict[Name, Kept] = {}
        settled = []
        for one in order:
            shelf = Shelf(kept)
            shelf.add(one)
            settled += list(shelf.settlings())
            kept |= shelf.changes()

        assert settled[-1].completion == RESULTS.completion
        assert settled[-1].completed_at == RESULTS.started_at
        assert {one.record_id for one in settled} == {PENDING.id}
        assert len({msgspec.json.encode(one.completion) for one in settled}) == len(settled) <= 3
        assert [one.replaced for one in settled] == [None, *(one.completion for one in settled[:-1])]


def test_all_of_it_at_once_is_settled_once() -> None:
    for order in permutations((PENDING, NAMED, SUMMED, RESULTS, FAILURES)):
        shelf = Shelf({})
        for one in order:
            shelf.add(one)
        (settling,) = shelf.settlings()
        assert (settling.completion, settling.replaced) == (RESULTS.completion, None)


def test_what_is_told_again_is_no_news() -> None:
    shelf = Shelf({})
    for one in (PENDING, NAMED, RESULTS):
        shelf.add(one)
    again = Shelf(shelf.changes())
    for one in (RESULTS, NAMED, PENDING, SUMMED, FAILURES, RESULTS):
        again.add(one)

    assert again.changes() == {}
    assert list(again.settlings()) == []


def test_a_call_that_is_in_the_ledger_already_does_not_wait_again() -> None:
    shelf = Shelf({})
    shelf.add(PENDING, is_known=True)
    assert shelf.changes() == {}


def test_of_two_calls_that_were_told_the_same_object_the_first_has_it() -> None:
    shelf = Shelf({})
    for one in (PENDING, record(7, state="pending", object_id="batch_1"), SUMMED):
        shelf.add(one)
    assert [one.record_id for one in shelf.settlings()] == [PENDING.id]


@pytest.mark.parametrize("state", ["complete", "interrupted", "simulated"])
def test_only_pending_calls_wait(state: str) -> None:
    shelf = Shelf({})
    shelf.add(record(1, state=state, object_id="batch_1"))
    shelf.add(SUMMED)
    assert list(shelf.settlings()) == []
    assert not shelf.is_claimed(Name(1, "openai", "batch_1"))


def test_a_file_is_claimed_with_its_batch() -> None:
    shelf = Shelf({})
    for one in (NAMED, PENDING):
        shelf.add(one)
    assert all(shelf.is_claimed(Name(1, "openai", name)) for name in ("batch_1", "file_1", "file_2"))
    assert not shelf.is_claimed(Name(2, "openai", "batch_1"))
