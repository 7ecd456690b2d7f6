"""Filters: what an address asks for, written and read back, and what is wrong with one."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import filters
from analytics.filters import BadFilter, Filters, parse, parse_leniently, say_period
from analytics.periods import Period, month_of
from analytics.reports import Scope

pytestmark = pytest.mark.trial
TODAY = date(2026, 3, 10)


def read(**params: str) -> Filters:
    return parse(params, today=TODAY)


def days(first: str, last: str) -> Period:
    return Period(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("params", "period", "preset", "words"),
    [
        ({}, days("2026-03-01", "2026-03-31"), "month", "in March"),
        ({"range": "", "start": "", "end": ""}, days("2026-03-01", "2026-03-31"), "month", "in March"),
        ({"range": "today"}, days("2026-03-10", "2026-03-10"), "today", "today"),
        ({"range": "7d"}, days("2026-03-04", "2026-03-10"), "7d", "in the last 7 days"),
        ({"range": "30d"}, days("2026-02-09", "2026-03-10"), "30d", "in the last 30 days"),
        ({"range": "90d"}, days("2025-12-11", "2026-03-10"), "90d", "in the last 90 days"),
        ({"range": "last-month"}, days("2026-02-01", "2026-02-28"), "last-month", "in February"),
        ({"start": "2026-03-03", "end": "2026-03-09"}, days("2026-03-03", "2026-03-09"), "", "3\N{EN DASH}9 March"),
        ({"start": "2026-03-03", "range": "7d"}, days("2026-03-03", "2026-03-10"), "", "3\N{EN DASH}10 March"),
        ({"end": "2026-02-09"}, days("2026-02-01", "2026-02-09"), "", "1\N{EN DASH}9 February"),
        ({"start": "2025-12-01", "end": "2025-12-31"}, days("2025-12-01", "2025-12-31"), "", "in December 2025"),
        (
            {"start": "2025-12-30", "end": "2026-01-02"},
            days("2025-12-30", "2026-01-02"),
            "",
            "30 December 2025 \N{EN DASH} 2 January 2026",
        ),
        ({"start": "2026-02-09", "end": "2026-02-09"}, days("2026-02-09", "2026-02-09"), "", "on 9 February"),
    ],
)
def test_a_range_is_a_preset_or_days_which_win(params: dict[str, str], period: Period, preset: str, words: str) -> None:
    found = parse(params, today=TODAY)

    assert (found.period, found.preset) == (period, preset)
    assert say_period(found, TODAY) == words


def test_everything_that_is_asked_for_reaches_the_scope() -> None:
    found = read(
        range="7d", provider="openai", team="3", key="12", prompt="a b/c", model="gpt-4o", tag="checkout", version="2"
    )

    assert found.scope(9) == Scope(
        organization_id=9,
        period=days("2026-03-04", "2026-03-10"),
        provider="openai",
        team_id=3,
        api_key_id=12,
        prompt_key="a b/c",
        model="gpt-4o",
        tag="checkout",
        version=2,
    )
    assert found.query() == (
        "range=7d&provider=openai&team=3&key=12&prompt=a+b%2Fc&model=gpt-4o&tag=checkout&version=2"
    )
    assert found.is_narrowed


def test_words_stand_for_what_has_none_and_an_equals_sign_for_the_word_itself() -> None:
    without = read(prompt="unknown", model="unnamed", tag="untagged", version="none")
    named = read(model="=unnamed", tag="=untagged")

    assert (without.prompt_key, without.model, without.tag, without.version) == ("", "", "", 0)
    assert (named.model, named.tag) == ("unnamed", "untagged")
    assert read(tag="==x").tag == "=x"
    assert without.query() == "prompt=unknown&model=unnamed&tag=untagged&version=none"


def test_links_change_one_thing_and_keep_the_rest() -> None:
    found = read(range="7d", team="3", prompt="greeting")

    assert found.query(prompt=None) == "range=7d&team=3"
    assert found.query(tag="") == "range=7d&team=3&prompt=greeting&tag=untagged"
    assert found.query(range="month") == "team=3&prompt=greeting"
    assert found.query(range=None, team=None, prompt=None) == ""
    chosen = found.query(start=date(2026, 3, 1), end=date(2026, 3, 2), team=None)
    assert chosen == "start=2026-03-01&end=2026-03-02&prompt=greeting"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("range", "yesterday"),
        ("start", "03/01/2026"),
        ("start", "2026-02-30"),
        ("start", "0001-01-01"),
        ("end", "9999-12-31"),
        ("end", "1999-12-31"),
        ("provider", "x" * 33),
        ("team", "acme"),
        ("team", "-1"),
        ("team", "9" * 19),
        ("key", "\N{ARABIC-INDIC DIGIT ONE}"),
        ("key", "9" * 5000),
        ("prompt", "a\x00b"),
        ("prompt", "x" * 129),
        ("model", "x" * 201),
        ("tag", "x" * 65),
        ("tag", "a\u2028b"),
        ("version", "2.0"),
        ("version", "2147483648"),
    ],
)
def test_what_cannot_be_used_is_named_and_the_rest_holds(name: str, text: str) -> None:
    params = {"team": "3", "prompt": "greeting", name: text}

    with pytest.raises(BadFilter) as refused:
        parse(params, today=TODAY)
    found, (wrong,) = parse_leniently(params, today=TODAY)

    assert refused.value.parameter == wrong.parameter == name
    assert text not in wrong.message
    assert found.period == month_of(TODAY)
    assert found.team_id == (None if name == "team" else 3)
    assert found.prompt_key == (None if name == "prompt" else "greeting")


def test_a_range_that_ends_before_it_starts_or_never_is_refused() -> None:
    with pytest.raises(BadFilter, match="start is after end"):
        read(start="2026-03-09", end="2026-03-03")
    with pytest.raises(BadFilter, match="more than 1100 days"):
        read(start="2020-01-01")


_text = st.text(st.sampled_from("aZ0 =&?#%+;/.-_\"'<é\N{MONEY BAG}"), min_size=1, max_size=32)
_asked: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "range": st.sampled_from([*filters.PRESETS]),
        "provider": _text,
        "team": st.integers(0, 2**63 - 1),
        "key": st.integers(0, 2**63 - 1),
        "prompt": st.just("") | _text.filter(lambda text: text != "unknown"),
        "model": st.sampled_from(["", "unnamed", "=unnamed", "="]) | _text,
        "tag": st.sampled_from(["", "untagged", "=untagged", "=="]) | _text,
        "version": st.integers(0, 2**31 - 1),
    },
)


@given(_asked)
def test_an_address_that_is_written_reads_back_the_same(asked: dict[str, Any]) -> None:
    first = read().parameters(**asked)
    found = parse(first, today=TODAY)

    assert found.parameters() == first
    assert {"team": found.team_id, "tag": found.tag, "model": found.model, "prompt": found.prompt_key} == {
        name: asked.get(name) for name in ("team", "tag", "model", "prompt")
    }
