"""Lists a page at a time: every row once, all of one moment, whatever is posted meanwhile."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Event
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisIsAway

from analytics.api import paging
from tests.analytics.aggregations import LISTS, Issued, ask, found, issue, refusal, send
from tests.analytics.at_once import threads
from tests.analytics.rollup_rows import FEBRUARY, spend, spend_on_tag
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_team

trial = pytest.mark.trial
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def example() -> Issued:
    """Seven rows in every list but that of the days."""
    example = found()
    for number in range(7):
        other = issue(make_team(example.organization, f"team {number}"))
        spend(other.key, f"{number % 4}.5", 3, prompt_key="summarizer", version=number, model=f"model {number}")
        spend_on_tag(other.key, "0.5", f"tag {number}" if number else "")
    for number in range(6):
        spend(other.key, f"{number}", 1, prompt_key=f"prompt {number}", model="model 0")
    return example


def pages(endpoint: str, key: str, limit: int, **question: str) -> Iterator[dict[str, Any]]:
    """Every page, each when the one before has been looked at."""
    cursor: dict[str, str] = {}
    while True:
        page = ask(endpoint, key, limit=f"{limit}", **cursor, **question)
        yield page
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def rest(page: dict[str, Any], endpoint: str) -> dict[str, Any]:
    """What every page of an answer says alike."""
    return {name: value for name, value in page.items() if name not in {LISTS[endpoint], "next_cursor"}}


def cursor_of(example: Issued, endpoint: str = "by-team", **question: str) -> str:
    cursor = ask(endpoint, example.text, limit="2", **FEBRUARY, **question)["next_cursor"]
    assert isinstance(cursor, str)
    return cursor


@trial
@pytest.mark.parametrize("endpoint", LISTS)
def test_pages_are_the_whole_answer_cut_into_pieces(endpoint: str, example: Issued) -> None:
    name = LISTS[endpoint]
    for order in ("-total_cost", "request_count", name.removesuffix("s") if endpoint == "daily" else "total_cost"):
        whole = ask(endpoint, example.text, sort=order, **FEBRUARY)
        assert whole["next_cursor"] is None
        assert len(whole[name]) == (28 if endpoint == "daily" else 7)
        for limit in (3, 7, 1000):
            found = list(pages(endpoint, example.text, limit, sort=order, **FEBRUARY))
            assert [len(page[name]) for page in found[:-1]] == [limit] * (len(found) - 1)
            assert [row for page in found for row in page[name]] == whole[name]
            assert all(rest(page, endpoint) == rest(whole, endpoint) for page in found)


@trial
@pytest.mark.parametrize("endpoint", LISTS)
def test_what_is_posted_between_two_pages_changes_neither_rows_nor_total(endpoint: str, example: Issued) -> None:
    name = LISTS[endpoint]
    before = ask(endpoint, example.text, **FEBRUARY)
    read = []
    for number, page in enumerate(pages(endpoint, example.text, 2, **FEBRUARY)):
        read += page[name]
        assert rest(page, endpoint) == rest(before, endpoint)
        # To the last row, so that it would be first; and new ones.
        spend(issue(example.team).key, "100", prompt_key="summarizer", version=1 + number % 6, on="2026-02-20")
        spend_on_tag(example.key, "100", f"tag {number}", provider="anthropic")
    assert read == before[name]
    if endpoint != "by-tag":
        assert sum(row["total_cost"] for row in read) == before["total_cost"]
        assert ask(endpoint, example.text, **FEBRUARY)["total_cost"] > before["total_cost"]


@pytest.mark.production
@pytest.mark.django_db(transaction=True)
def test_while_usage_is_posted_every_walk_adds_up_and_has_each_row_once() -> None:
    example = found()
    stop, known = Event(), set[str]()

    def work() -> None:
        for number in range(10_000):
            if stop.is_set():
                return
            keys = {f"prompt {(number * step) % 50}" for step in (1, 7, 11)}
            post(*(make_record(example.key, prompt_key=key) for key in keys))
            known.update(keys)

    with threads(2) as start:
        working = [start(work) for _ in range(2)]
        try:
            for _ in range(6):
                existing, rows, totals = set(known), [], set()
                for page in pages("by-prompt", example.text, 4, **FEBRUARY):
                    rows += page["prompts"]
                    totals.add((page["total_cost"], page["request_count"]))
                keys = [row["prompt_key"] for row in rows]
                assert len(keys) == len(set(keys))
                assert existing <= set(keys)
                sums = (sum(row["total_cost"] for row in rows), sum(row["request_count"] for row in rows))
                assert totals == {sums}
        finally:
            stop.set()
    for done in working:
        done.result()


# --- Cursors ----------------------------------------------------------------------------------------------------------


@trial
def test_a_cursor_is_good_for_its_own_question_alone(example: Issued) -> None:
    stranger = found("Stranger")
    cursor = cursor_of(example)
    same = {"cursor": cursor, **FEBRUARY}
    assert send("by-team", example.text, same).status_code == 200
    assert send("by-team", issue(example.team).text, {**same, "organization": "example"}).status_code == 200

    others: list[tuple[str, str, dict[str, str]]] = [
        ("by-key", example.text, {}),
        ("by-team", stranger.text, {}),
        ("by-team", example.text, {"start": "2026-02-02"}),
        ("by-team", example.text, {"provider": "openai"}),
        ("by-team", example.text, {"sort": "team_name"}),
        ("by-team", example.text, {"include_unused": "true"}),
    ]
    for endpoint, key, change in others:
        answer = send(endpoint, key, {**same, **change})
        assert refusal(answer) == (400, "invalid_parameter", "cursor"), (endpoint, change)
        assert "another question" in json.loads(answer.content)["error"]["message"]


@trial
def test_a_cursor_that_no_answer_has_given_is_refused(example: Issued) -> None:
    cursor = cursor_of(example)
    for place in range(0, len(cursor), 7):
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        answer = send("by-team", example.text, {**FEBRUARY, "cursor": changed})
        assert refusal(answer) == (400, "invalid_parameter", "cursor")
    for text in ("", "x", cursor[:-1], cursor + "A", "\x00", "1770724800000000-019c47f3f3c07c4e8a5b1f0e9d8c7b6a", "é."):
        answer = send("by-team", example.text, {**FEBRUARY, "cursor": text})
        assert refusal(answer) == (400, "invalid_parameter", "cursor"), text


@trial
def test_pages_go_on_with_any_limit_or_none(example: Issued) -> None:
    whole = ask("by-team", example.text, **FEBRUARY)["teams"]
    second = ask("by-team", example.text, cursor=cursor_of(example), limit="3", **FEBRUARY)
    assert second["teams"] == whole[2:5]
    third = ask("by-team", example.text, cursor=second["next_cursor"], **FEBRUARY)
    assert (third["teams"], third["next_cursor"]) == (whole[5:], None)
    assert ask("by-team", example.text, cursor=cursor_of(example), **FEBRUARY)["teams"] == whole[2:]


@trial
def test_an_answer_that_is_not_kept_any_more_goes_on_while_it_is_the_same(example: Issued) -> None:
    whole = ask("by-team", example.text, **FEBRUARY)["teams"]
    cursor = cursor_of(example)
    cache.clear()
    second = ask("by-team", example.text, cursor=cursor, limit="2", **FEBRUARY)
    assert second["teams"] == whole[2:4]

    spend(example.key, "1")
    assert ask("by-team", example.text, cursor=second["next_cursor"], **FEBRUARY)["teams"] == whole[4:]
    cache.clear()
    answer = send("by-team", example.text, {**FEBRUARY, "cursor": second["next_cursor"]})
    assert refusal(answer) == (400, "expired_cursor", "cursor")


@trial
def test_pages_without_days_stay_with_those_of_the_first_one(example: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: midnight - timedelta(seconds=1))
    first = ask("by-team", example.text, limit="4")
    monkeypatch.setattr(timezone, "now", lambda: midnight)
    for is_kept in (True, False):
        if not is_kept:
            cache.clear()
        second = ask("by-team", example.text, cursor=first["next_cursor"])
        assert second["period"] == {"start": "2026-02-01", "end": "2026-02-28"}
        assert len(second["teams"]) == 3
    assert ask("by-team", example.text)["teams"] == []


@trial
def test_a_cache_that_is_away_costs_no_answer(example: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RedisIsAway

    for name in ("get", "set", "add", "incr"):
        monkeypatch.setattr(cache, name, fail)
    found = list(pages("by-team", example.text, 3, **FEBRUARY))
    assert sum(row["total_cost"] for page in found for row in page["teams"]) == found[0]["total_cost"] > 0


@trial
@pytest.mark.parametrize("text", ["0", "1001", "-1", "1.0", "", "ten", "٣", "1" * 30])
def test_a_limit_is_a_number_within_bounds(text: str, example: Issued) -> None:
    answer = send("by-team", example.text, {**FEBRUARY, "limit": text})
    assert refusal(answer) == (400, "invalid_parameter", "limit")
    assert f"from 1 to {paging.MOST_AT_ONCE}" in json.loads(answer.content)["error"]["message"]


@trial
def test_amounts_of_a_page_have_every_digit(example: Issued) -> None:
    spend(example.key, "123456.000000000001", prompt_key="exact")
    (row,) = ask("by-prompt", example.text, limit="1", **FEBRUARY)["prompts"]
    assert row["total_cost"] == Decimal("123456.000000000001")
