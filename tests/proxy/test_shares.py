"""The sum of a batch: what of its requests stays apart, and what holds for all of them."""

import pytest

from analytics.usage import OtherModelUsage, TokenUsage
from proxy.providers.shares import BatchSum


def test_a_requests_own_share_stays_apart() -> None:
    total = BatchSum()
    advisor = OtherModelUsage(model="advisor", input=300_000, output=1, longest_prompt=300_000)
    total.add("m", TokenUsage(input=300_010, output=6, reasoning=2, other_models=(advisor,)))
    assert total.total().other_models == (
        advisor,
        OtherModelUsage(model="m", input=10, output=5, longest_prompt=10),
    )
    assert (total.total().input, total.total().reasoning, total.model) == (300_010, 2, "")


@pytest.mark.parametrize(
    ("places", "expected", "is_partial"),
    [
        (("us", "us"), "us", False),
        (("global", "not_available", ""), "", False),  # sold at one price
        (("us", "global", "us"), "us", True),
    ],
)
def test_a_batch_has_the_place_of_its_requests(places: tuple[str, ...], expected: str, is_partial: bool) -> None:
    total = BatchSum()
    for place in places:
        total.add("m", TokenUsage(input=1, inference_geo=place))
    assert (total.total().inference_geo, total.total().is_partial) == (expected, is_partial)


def test_a_batch_in_fast_mode_is_not_taken_for_a_usual_one() -> None:
    total = BatchSum()
    total.add("m", TokenUsage(input=1, speed="fast"))
    assert (total.total().speed, total.total().is_partial) == ("fast", False)
