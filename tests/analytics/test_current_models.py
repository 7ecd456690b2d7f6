"""The models that people may choose from."""

from datetime import UTC, datetime

import pytest

from analytics.price_book.models import list_current_models

pytestmark = pytest.mark.trial

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("provider", "wanted", "unwanted"),
    [
        (
            "openai",
            {"gpt-4o", "gpt-4o-mini", "gpt-5-mini"},
            {"gpt-3.5-turbo", "gpt-4", "gpt-4o-2024-05-13", "gpt-image-1", "gpt-4o-mini-tts", "text-embedding-3-small"},
        ),
        (
            "anthropic",
            {"claude-haiku-4-5", "claude-sonnet-4-5"},
            {"claude-2", "claude-3-haiku", "claude-sonnet-4-0", "claude-opus-4-1"},
        ),
    ],
)
def test_current_chat_models_are_offered_with_their_prices(provider: str, wanted: set[str], unwanted: set[str]) -> None:
    found = list_current_models(provider, NOW)
    names = {model.name for model in found}

    assert wanted <= names
    assert not unwanted & names
    assert all(model.rates.input > 0 and model.rates.output > 0 for model in found)


def test_the_cheapest_comes_first() -> None:
    prices = [model.rates.input + model.rates.output for model in list_current_models("openai", NOW)]

    assert prices == sorted(prices)
    assert len(set(prices)) > 3


def test_an_unknown_provider_offers_nothing() -> None:
    assert list_current_models("acme", NOW) == ()
