"""Numbers on their way out: exact, in plain digits, never strings."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from analytics.renderers import ExactJSONRenderer, plain_digits
from analytics.reports import Sums, to_usd

pytestmark = pytest.mark.trial


def render(data: Any) -> str:
    return ExactJSONRenderer().render(data).decode().removesuffix("\n")


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        ("0", "0"),
        ("0E-12", "0"),
        ("-0.000", "0"),
        ("12.450000000000", "12.45"),
        ("1E-12", "0.000000000001"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("6.00", "6"),
        ("-0.10", "-0.1"),
        ("12345678901234567890.123456789012", "12345678901234567890.123456789012"),
    ],
)
def test_a_decimal_is_written_in_plain_digits(number: str, digits: str) -> None:
    assert render({"total_cost": Decimal(number)}) == f'{{"total_cost":{digits}}}'


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_a_decimal_is_read_back_as_the_same_number(number: Decimal) -> None:
    written = render([number])
    assert json.loads(written, parse_float=Decimal, parse_int=Decimal) == [number]
    assert "e" not in written.lower()


@given(st.integers(min_value=0, max_value=10**26))
def test_every_amount_of_pico_dollars_leaves_exactly(pico_usd: int) -> None:
    written = plain_digits(to_usd(pico_usd))
    assert Decimal(written) * 10**12 == pico_usd
    assert written == written.strip()
    assert "E" not in written


def test_whole_numbers_stay_whole_and_other_values_what_they_are() -> None:
    value = {
        "count": 312,
        "large": 2**80,
        "none": None,
        "yes": True,
        "day": date(2026, 2, 1),
        "text": 'naïve \u2028 "quoted"',
        "lazy": gettext_lazy("team"),
        1: ["list", ("tuple", 0)],
    }
    written = render(value)
    assert '"count":312,"large":1208925819614629174706176,"none":null,"yes":true,"day":"2026-02-01"' in written
    assert json.loads(written)["text"] == value["text"]
    assert json.loads(written)["lazy"] == "team"
    assert json.loads(written)["1"] == ["list", ["tuple", 0]]


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity"), float("nan"), float("-inf")])
def test_what_is_no_number_is_refused(number: object) -> None:
    with pytest.raises(ValueError, match="no number"):
        render({"total_cost": number})


def test_an_answer_without_a_body_has_none() -> None:
    assert ExactJSONRenderer().render(None) == b""


@pytest.mark.parametrize(
    ("pico_usd", "requests", "average"),
    [
        (6_000_000_000_000, 400, "0.015"),
        (4_200_000_000_000, 400, "0.0105"),
        (1_000_000_000_000, 3, "0.333333333333333"),
        (2, 3, "0.000000000000667"),
        (0, 5, "0"),
        (0, 0, "0"),
    ],
)
def test_an_average_divides_by_the_priced_requests_only(pico_usd: int, requests: int, average: str) -> None:
    sums = Sums(cost_pico_usd=pico_usd, priced_count=requests, request_count=requests + 7, unpriced_count=7)
    assert plain_digits(sums.average_cost_usd) == average
