"""Why one version costs more than another: amounts worked out by hand, and parts that always add up to the whole."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.pricing import BUCKETS
from analytics.versions.causes import Cause, Kind, Spending, find_causes
from analytics.versions.words import Difference, Side, choose_reference, describe

# Dollars per million tokens are micro-pico: gpt-4o takes $2.50 in, $1.25 cached, $10 out; mini $0.15, $0.075, $0.60.
GPT_4O = {"input": 2_500_000, "cache_read": 1_250_000, "output": 10_000_000}
MINI = {"input": 150_000, "cache_read": 75_000, "output": 600_000}
SONNET = {
    "input": 3_000_000,
    "cache_read": 300_000,
    "cache_write_5m": 3_750_000,
    "output": 15_000_000,
    "web_searches": 10_000_000_000,
}


def spending(
    rates: dict[str, int], requests: int = 100, *, discount: Fraction | int = 1, **per_request: int
) -> Spending:
    """Every request alike, at these rates."""
    used = {bucket: count * requests for bucket, count in per_request.items()}
    cost = sum(rates[bucket] * count for bucket, count in used.items()) * Fraction(discount)
    assert cost.denominator == 1
    return Spending(requests, int(cost), used, {bucket: Fraction(rate) for bucket, rate in rates.items()})


def side(name: str, spent: Spending, *models: str, is_active: bool = False, requests: int | None = None) -> Side:
    count = spent.requests if requests is None else requests
    return Side(name, spent, models or ("gpt-4o",), count, is_active, is_numbered=name.startswith("v"))


def amounts(causes: tuple[Cause, ...]) -> dict[Kind, int]:
    assert all(cause.pico_usd.denominator == 1 for cause in causes)
    return {cause.kind: int(cause.pico_usd) for cause in causes}


def words(after: Side, before: Side) -> str:
    return describe(after, before).words


# --- Causes -----------------------------------------------------------------------------------------------------------


def test_a_quantity_is_worth_what_it_would_have_cost_before() -> None:
    before = spending(GPT_4O, input=1_000, output=500)
    after = spending(GPT_4O, input=1_200, output=300)

    # 200 x 2,500,000 more, 200 x 10,000,000 less.
    assert amounts(find_causes(before, after)) == {Kind.OUTPUT: -2_000_000_000, Kind.INPUT: 500_000_000}


def test_what_no_quantity_explains_is_the_model_or_its_price() -> None:
    before = spending(GPT_4O, input=1_000, output=500)
    after = spending(MINI, input=1_000, output=400)

    # 100 x 10,000,000 for the shorter answers. $0.0075 became $0.00039, so 7,110,000,000 in all.
    assert amounts(find_causes(before, after)) == {Kind.RATES: -6_110_000_000, Kind.OUTPUT: -1_000_000_000}


def test_cache_use_is_the_prompt_composed_otherwise_at_the_same_length() -> None:
    before = spending(SONNET, input=2_000, output=100)
    after = spending(SONNET, input=400, cache_read=1_600, output=100)

    # 1,600 x (300,000 - 3,000,000)
    assert amounts(find_causes(before, after)) == {Kind.CACHE: -4_320_000_000}


def test_a_longer_prompt_of_the_same_composition_is_no_change_of_cache_use() -> None:
    before = spending(SONNET, input=500, cache_read=1_500)
    after = spending(SONNET, input=1_000, cache_read=3_000)

    # Twice the prompt, twice the cost: 500 x 3,000,000 + 1,500 x 300,000.
    assert amounts(find_causes(before, after)) == {Kind.INPUT: 1_950_000_000}


def test_a_prompt_where_there_was_none_is_valued_uncached() -> None:
    before = spending(GPT_4O, output=100)
    after = spending(GPT_4O, input=800, cache_read=200, output=100)

    # 1,000 x 2,500,000, and 200 x (1,250,000 - 2,500,000).
    assert amounts(find_causes(before, after)) == {Kind.INPUT: 2_500_000_000, Kind.CACHE: -250_000_000}


def test_searches_and_cache_writes_have_their_own_part() -> None:
    before = spending(SONNET, input=1_000, web_searches=1)
    after = spending(SONNET, input=200, cache_write_5m=800, web_searches=3)

    # 800 x (3,750,000 - 3,000,000); two searches at one cent.
    assert amounts(find_causes(before, after)) == {Kind.WEB_SEARCHES: 20_000_000_000, Kind.CACHE: 600_000_000}


def test_a_discount_that_the_price_list_does_not_know_belongs_to_the_rates() -> None:
    before = spending(GPT_4O, input=1_000, output=500)
    after = spending(GPT_4O, input=1_000, output=500, discount=Fraction(1, 2))

    assert amounts(find_causes(before, after)) == {Kind.RATES: -3_750_000_000}


def test_a_discount_of_the_reference_scales_what_its_tokens_are_worth() -> None:
    before = spending(GPT_4O, input=1_000, output=500, discount=Fraction(1, 2))
    after = spending(GPT_4O, input=1_000, output=300, discount=Fraction(1, 2))

    assert amounts(find_causes(before, after)) == {Kind.OUTPUT: -1_000_000_000}


def test_without_list_prices_the_difference_stays_whole() -> None:
    before = Spending(10, 1_000, {"input": 100}, {})
    after = Spending(10, 3_000, {"input": 100}, {})

    assert amounts(find_causes(before, after)) == {Kind.UNKNOWN: 200}


quantities = st.dictionaries(st.sampled_from(BUCKETS), st.integers(0, 10**9))
prices = st.dictionaries(st.sampled_from(BUCKETS), st.builds(Fraction, st.integers(0, 10**10), st.integers(1, 1000)))
spendings = st.builds(Spending, st.integers(1, 10**6), st.integers(0, 10**18), quantities, prices)


@settings(max_examples=80, deadline=None)
@given(spendings, spendings)
def test_the_causes_add_up_to_the_difference(before: Spending, after: Spending) -> None:
    causes = find_causes(before, after)

    assert sum((cause.pico_usd for cause in causes), Fraction(0)) == after.average - before.average
    assert [abs(cause.pico_usd) for cause in causes] == sorted((abs(cause.pico_usd) for cause in causes), reverse=True)
    assert describe(side("v2", after), side("v1", before)).words


# --- Words ------------------------------------------------------------------------------------------------------------

BEFORE = spending(GPT_4O, input=1_000, output=500)  # $0.0075
HALF_THE_ANSWER = spending(GPT_4O, input=1_000, output=250)


@pytest.mark.parametrize(
    ("after", "models", "expected"),
    [
        (HALF_THE_ANSWER, ["gpt-4o"], "v3 costs 33 % less per request than v2: shorter answers, same input."),
        (
            spending(GPT_4O, input=1_600, output=500),
            ["gpt-4o"],
            "v3 costs 20 % more per request than v2: longer input, same output.",
        ),
        (
            spending(GPT_4O, input=2_900, output=1_000),
            ["gpt-4o"],
            "v3 costs 2.3 times as much per request as v2: longer answers, longer input.",
        ),
        (
            spending(MINI, input=1_000, output=500),
            ["gpt-4o-mini-2024-07-18"],
            (
                "v3 costs 94 % less per request than v2: a cheaper model (gpt-4o-mini instead of gpt-4o), "
                "same input and output."
            ),
        ),
        (
            spending(GPT_4O, input=2_000, output=200),
            ["gpt-4o"],
            "v3 costs 7 % less per request than v2: shorter answers, despite longer input.",
        ),
        (
            spending(GPT_4O, input=2_000, output=250),
            ["gpt-4o"],
            "v3 costs about as much per request as v2: longer input, but shorter answers.",
        ),
        (
            spending(GPT_4O, input=200, cache_read=800, output=500),
            ["gpt-4o"],
            "v3 costs 13 % less per request than v2: more input from the cache, same input and output.",
        ),
        (
            spending(GPT_4O, input=1_000, output=500, discount=Fraction(3, 5)),
            ["gpt-4o"],
            "v3 costs 40 % less per request than v2: lower prices, same input and output.",
        ),
        (
            spending(GPT_4O, input=1_000, output=500, discount=Fraction(6, 5)),
            ["gpt-4o", "gpt-4.1"],
            "v3 costs 20 % more per request than v2: a more expensive mix of models, same input and output.",
        ),
        (
            spending(GPT_4O, input=21_000, output=5_000),
            ["gpt-4o"],
            "v3 costs 14 times as much per request as v2: longer input, longer answers.",
        ),
        # A thirtieth of all changes, and two thirds of a percent of the cost: not worth a word.
        (
            spending(GPT_4O, input=1_040, output=200),
            ["gpt-4o"],
            "v3 costs 39 % less per request than v2: shorter answers.",
        ),
        (
            spending(GPT_4O, input=1_070, output=505),
            ["gpt-4o"],
            "v3 costs 3 % more per request than v2: longer input, same output.",
        ),
        (spending(GPT_4O, input=1_003, output=500), ["gpt-4o"], "v3 costs about as much per request as v2."),
        (spending({"input": 0}, input=1_000), ["free"], "v3 costs nothing, unlike v2."),
        (
            spending(GPT_4O, input=10, output=1),
            ["gpt-4o"],
            "v3 costs over 99 % less per request than v2: shorter answers, shorter input.",
        ),
    ],
)
def test_the_difference_is_said_with_its_causes(after: Spending, models: list[str], expected: str) -> None:
    assert words(side("v3", after, *models), side("v2", BEFORE, "gpt-4o")) == expected


def test_two_snapshots_of_a_model_are_named_in_full() -> None:
    after = spending({"input": 5_000_000, "output": 15_000_000}, input=1_000, output=500)

    said = words(side("v3", after, "gpt-4o-2024-05-13"), side("v2", BEFORE, "gpt-4o-2024-08-06"))

    assert "a more expensive model (gpt-4o-2024-05-13 instead of gpt-4o-2024-08-06)" in said


@pytest.mark.parametrize(
    ("requests", "requests_before", "expected"),
    [
        (3, 100, "v3 costs 33 % less per request than v2, but from 3 requests: too few to judge."),
        (1, 100, "v3 costs 33 % less per request than v2, but from 1 request: too few to judge."),
        (100, 29, "v3 costs 33 % less per request than v2, but v2 has only 29 requests: too few to judge."),
        (4, 2, "v3 costs 33 % less per request than v2, but from 4 requests against 2: too few to judge."),
    ],
)
def test_few_requests_are_not_judged(requests: int, requests_before: int, expected: str) -> None:
    before = spending(GPT_4O, requests_before, input=1_000, output=500)
    found = describe(side("v3", spending(GPT_4O, requests, input=1_000, output=250)), side("v2", before))

    assert found.words == expected
    assert not found.is_judged


def test_what_has_no_price_or_costs_nothing_is_divided_by_nothing() -> None:
    nothing, free = Spending(0, 0, {}, {}), spending({"input": 0}, input=100)

    unpriced = describe(side("v3", nothing, requests=12), side("v2", BEFORE))
    assert unpriced == Difference("No request of v3 has a price, so its cost cannot be compared.", is_judged=False)
    assert describe(side("v3", nothing), side("v2", BEFORE)).words == ""
    assert words(side("v3", free), side("v2", free)) == "v3 costs nothing, like v2."
    from_nothing = describe(side("v3", BEFORE), side("v2", free))
    assert (from_nothing.words, from_nothing.percent) == ("v3 costs something, v2 nothing.", None)


def test_usage_without_a_version_is_called_so() -> None:
    said = words(side("usage without a version", HALF_THE_ANSWER), side("v2", BEFORE))

    assert said == "Usage without a version costs 33 % less per request than v2: shorter answers, same input."


# --- The reference ----------------------------------------------------------------------------------------------------

FEW, MANY, NONE = (spending(GPT_4O, number, input=1_000, output=500) for number in (3, 400, 0))


@pytest.mark.parametrize(
    ("sides", "name", "expected"),
    [
        ([side("v2", BEFORE, is_active=True), side("v1", MANY)], "v2", "Compared with v2, the active version."),
        (
            [side("v3", BEFORE), side("v2", MANY), side("usage without a version", MANY)],
            "v2",
            "Compared with v2, the version with the most requests: no version is active.",
        ),
        (
            [side("v2", NONE, is_active=True), side("v1", MANY), side("usage without a version", FEW)],
            "v1",
            "Compared with v1, the version with the most requests: v2 is active, but has no request in these days.",
        ),
        (
            [side("v2", FEW, is_active=True), side("v1", MANY)],
            "v1",
            (
                "Compared with v1, the version with the most requests: "
                "v2 is active, but has only 3 requests in these days."
            ),
        ),
        (
            [side("v2", NONE, is_active=True, requests=5), side("v1", MANY)],
            "v1",
            "Compared with v1, the version with the most requests: v2 is active, but none of its requests has a price.",
        ),
        ([side("v2", FEW), side("v1", FEW, is_active=True)], "v1", "Compared with v1, the active version."),
        (
            [side("v2", NONE), side("v1", MANY)],
            None,
            "Only v1 has requests in these days: there is nothing to compare it with.",
        ),
        ([side("v1", NONE, requests=4)], None, "No version has a request with a price: there is nothing to compare."),
        (
            [side("usage without a version", MANY)],
            None,
            "No request names a version, and none was active: there is nothing to compare.",
        ),
        ([], None, "No request in these days."),
    ],
)
def test_the_reference_is_the_active_version_or_the_most_used_one_and_says_which(
    sides: list[Side], name: str | None, expected: str
) -> None:
    found = choose_reference(sides)

    assert (found.side.name if found.side else None, found.words) == (name, expected)
