"""New values that a day may bring: what comes in, what is counted under the overflow value, what stays welcome."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from analytics import price_book
from analytics.caps import OVERFLOW
from analytics.models import DailyTagUsage, DailyUsage, LedgerRecord, ModelPrice, SeenValue
from analytics.usage import TokenUsage
from orgs.models import ApiKey
from prompts.models import Prompt
from tests.analytics.usage_lines import NOON, USUAL_COST, make_record, post
from tests.factories import make_key, make_prompt

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def key(settings: Settings) -> ApiKey:
    settings.NEW_VALUES_PER_DAY = 2
    return make_key()[0]


def test_prompt_keys_over_the_cap_are_counted_under_other(key: ApiKey, caplog: pytest.LogCaptureFixture) -> None:
    make_prompt(key.organization, "made by hand")
    sent = ["zeta", "made by hand", "alpha", "gamma", "zeta", OVERFLOW]

    post(*(make_record(key, prompt_key=prompt_key, version=1) for prompt_key in sent))

    counted = dict(DailyUsage.objects.values_list("prompt_key", "request_count"))
    assert counted == {"zeta": 2, "made by hand": 1, "alpha": 1, OVERFLOW: 2}
    assert set(Prompt.objects.values_list("key", flat=True)) == {"zeta", "made by hand", "alpha"}
    assert set(LedgerRecord.objects.filter(prompt_key=OVERFLOW).values_list("version", flat=True)) == {0}
    assert "prompt key" in caplog.text


def test_the_next_day_brings_room_for_new_prompt_keys(key: ApiKey) -> None:
    post(*(make_record(key, prompt_key=prompt_key) for prompt_key in ("one", "two", "three")))

    post(make_record(key, prompt_key="three"), now=NOON + timedelta(days=1))

    assert DailyUsage.objects.filter(prompt_key="three").get().request_count == 1


def test_tags_over_the_cap_become_one_tag_of_the_record(key: ApiKey, caplog: pytest.LogCaptureFixture) -> None:
    post(make_record(key, tags=("one", "two", "three", "four")))
    post(make_record(key, tags=("five",)), make_record(key, tags=("one",)))

    assert sorted(LedgerRecord.objects.values_list("tags", flat=True)) == [
        [OVERFLOW],
        ["one"],
        ["one", "two", OVERFLOW],
    ]
    spent = dict(DailyTagUsage.objects.values_list("tag", "cost_pico_usd"))
    assert spent == {"one": 2 * USUAL_COST, "two": USUAL_COST, OVERFLOW: 2 * USUAL_COST}
    assert caplog.text.count("new values of tag") == 2


def test_values_seen_before_stay_welcome_and_each_day_has_room_for_new_ones(key: ApiKey) -> None:
    post(make_record(key, tags=("one", "two", "three")))

    post(make_record(key, tags=("one", "three", "four", "five")), now=NOON + timedelta(days=1))

    assert ["one", "three", "four", OVERFLOW] in LedgerRecord.objects.values_list("tags", flat=True)
    assert SeenValue.objects.filter(kind="tag").count() == 4


def test_each_organization_has_room_of_its_own(key: ApiKey) -> None:
    other, _ = make_key()

    post(make_record(key, tags=("one", "two")), make_record(other, tags=("three", "four", "one")))

    assert LedgerRecord.objects.get(organization_id=other.organization_id).tags == ["three", "four", OVERFLOW]


def test_unknown_models_over_the_cap_lose_their_name_and_known_ones_never(key: ApiKey) -> None:
    sent = ["made-up-1", "made-up-2", "made-up-3", "gpt-4o", "gpt-4o-mini", "gpt-4.1"]

    post(*(make_record(key, model_requested=model, model="") for model in sent))

    counted = dict(DailyUsage.objects.values_list("model", "request_count"))
    assert counted == dict.fromkeys([*sent[:2], *sent[3:], OVERFLOW], 1)
    assert LedgerRecord.objects.get(model=OVERFLOW).model_requested == "made-up-3"


def test_names_made_up_to_match_a_price_are_capped_like_any_other(key: ApiKey) -> None:
    # The price list takes whatever begins like a model of Anthropic's; the provider itself answers 404.
    refused: dict[str, Any] = {
        "provider": "anthropic",
        "model": "",
        "status": 404,
        "usage": TokenUsage(),
        "usage_source": "none",
    }
    sent = [f"claude-sonnet-4-5-made-up-{number}" for number in range(4)]

    post(*(make_record(key, model_requested=model, **refused) for model in sent))

    assert dict(DailyUsage.objects.values_list("model", "error_count")) == {sent[0]: 1, sent[1]: 1, OVERFLOW: 2}


def test_a_model_that_answered_keeps_its_name_whatever_was_refused_before(key: ApiKey) -> None:
    dated = "gpt-4o-2024-08-06"
    post(*(make_record(key, model_requested=model, model="", status=404) for model in ("one", "two")))

    post(make_record(key, model_requested=dated, model="", status=500), make_record(key, model=dated))

    assert DailyUsage.objects.get(model=dated).request_count == 2


def test_a_model_with_a_price_of_ours_keeps_its_name(key: ApiKey) -> None:
    start = NOON - timedelta(days=1)
    staffs = ModelPrice(provider="openai", model="house-model", effective_from=start, input_pico_usd=7)
    price_book.save_price(price=staffs)

    post(*(make_record(key, model_requested=model, model="") for model in ("one", "two", "House-Model")))
    # The price of the alias that was requested holds for the dated name that answered.
    post(make_record(key, model_requested="house-model", model="house-9-2031-01-31"))

    assert DailyUsage.objects.get(model="House-Model").request_count == 1
    assert DailyUsage.objects.get(model="house-9-2031-01-31").request_count == 1


def test_the_overflow_value_as_a_prompt_key_has_no_version_whatever_stands_beside_it(key: ApiKey) -> None:
    post(make_record(key, prompt_key=OVERFLOW, version=3))
    post(make_record(key, prompt_key=OVERFLOW, version=3), make_record(key, prompt_key="new", version=1))

    counted = DailyUsage.objects.values_list("prompt_key", "version", "request_count")
    assert set(counted) == {(OVERFLOW, 0, 2), ("new", 1, 1)}


def test_versions_over_the_cap_count_as_none(key: ApiKey) -> None:
    post(*(make_record(key, prompt_key="greeting", version=version) for version in (5, 6, 7, 8, 5)))

    assert dict(DailyUsage.objects.values_list("version", "request_count")) == {5: 2, 6: 1, 0: 2}


def test_a_bad_line_uses_up_no_room(key: ApiKey) -> None:
    bad = make_record(key, tags=("never", "posted"), prompt_key="nor this", latency_ms=-1)

    assert post(bad, make_record(key, tags=("one", "two"))).rejected_count == 1

    assert LedgerRecord.objects.get().tags == ["one", "two"]
    assert not Prompt.objects.exists()
