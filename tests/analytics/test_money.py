"""How amounts are written: figures worked out by hand."""

import pytest

from analytics.reports import Sums
from analytics.templatetags import money

pytestmark = pytest.mark.trial

DOLLAR = 10**12


@pytest.mark.parametrize(
    ("pico_usd", "text"),
    [
        (1_234_500_000_000_000, "$1,234.50"),
        (12_345_678_000_000, "$12.35"),
        (DOLLAR, "$1.00"),
        (999_960_000_000, "$1.00"),
        (420_000_000_000, "$0.42"),
        (500_000_000_000, "$0.50"),
        (123_456_000_000, "$0.1235"),
        (4_213_002_500, "$0.004213"),
        (4_200_000_000, "$0.0042"),
        (1, "$0.000000000001"),
        (0, "$0.00"),
        (-51_440_000_000_000, "-$51.44"),
        (None, "no price"),
    ],
)
def test_an_amount_has_two_decimals_or_four_figures(pico_usd: int | None, text: str) -> None:
    assert money.money(pico_usd) == text


@pytest.mark.parametrize(
    ("pico_usd", "text"),
    [
        (4_213_002_500, "$0.0042130025"),
        (1_234_567_890_123_456_789, "$1,234,567.890123456789"),
        (2 * DOLLAR, "$2.00"),
        (10 * DOLLAR, "$10.00"),
        (None, "no price"),
    ],
)
def test_the_exact_amount_keeps_every_digit(pico_usd: int | None, text: str) -> None:
    assert money.money_exact(pico_usd) == text


def test_whole_dollars_of_an_axis_have_no_decimals() -> None:
    assert [money.money_tick(amount) for amount in (0, DOLLAR // 2, 1500 * DOLLAR)] == ["$0", "$0.50", "$1,500"]


def test_usage_that_no_price_is_known_for_never_shows_as_zero() -> None:
    assert money.cost(Sums(request_count=3, unpriced_count=3)) == "no price"
    assert money.cost_exact(Sums(request_count=3, unpriced_count=3)) == "no price"


@pytest.mark.parametrize(
    ("unpriced", "pending", "cost", "left_out", "sentence"),
    [
        (0, 3, "pending", [], "3 pending requests are not in the costs."),
        (0, 1, "pending", [], "1 pending request is not in the costs."),
        (1, 0, "no price", [], "1 request without a price is not in the costs."),
        (2, 1, "no price", ["2 without a price", "1 pending"], "2 requests without a price and 1 pending are not in "),
    ],
)
def test_usage_whose_cost_comes_later_never_shows_as_zero(
    unpriced: int, pending: int, cost: str, left_out: list[str], sentence: str
) -> None:
    sums = Sums(request_count=3, unpriced_count=unpriced, pending_count=pending)
    assert (money.cost(sums), money.cost_exact(sums), money.left_out(sums)) == (cost, cost, left_out)
    assert money.say_left_out(sums).startswith(sentence)


def test_what_is_left_out_of_a_cost_is_told_beside_it() -> None:
    sums = Sums(cost_pico_usd=DOLLAR, request_count=1502, priced_count=2, pending_count=1500)
    assert (money.cost(sums), money.left_out(sums)) == ("$1.00", ["1,500 pending"])
    assert (money.left_out(Sums(cost_pico_usd=DOLLAR, priced_count=1)), money.say_left_out(Sums())) == ([], "")


def test_usage_that_is_priced_in_part_shows_what_is_known() -> None:
    assert money.cost(Sums(cost_pico_usd=DOLLAR, request_count=2, priced_count=1, unpriced_count=1)) == "$1.00"


def test_what_is_known_to_cost_nothing_is_zero() -> None:
    assert money.cost(Sums(request_count=1, priced_count=1)) == "$0.00"
    assert money.cost(Sums()) == "$0.00"


def test_an_average_divides_by_the_requests_with_a_price() -> None:
    sums = Sums(cost_pico_usd=DOLLAR, request_count=5, priced_count=3, unpriced_count=2)
    assert money.average_cost(sums) == "$0.3333"


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(1, 3, "33.33"), (0, 5, "0"), (5, 5, "100.00"), (7, 0, "0"), (9, 5, "100.00")]
)
def test_a_share_stays_between_nothing_and_all(part: int, whole: int, text: str) -> None:
    assert money.percent_of(part, whole) == text


def test_counts_have_their_thousands_separated() -> None:
    assert money.figure(1234567) == "1,234,567"
    assert money.figure(None) == ""
