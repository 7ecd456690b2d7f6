"""What may be sent to which model, what a call is estimated to cost, what files are called. Pure."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.pricing import Rates
from analytics.usage import TokenUsage
from prompts import builder, snippets
from prompts.builder_form import DEFAULT_MODELS, BuilderForm, beginning, settle
from prompts.snippets import Kind

MINI = Rates(input=150_000, cache_read=75_000, output=600_000)  # gpt-4o-mini, pico-USD per token


# --- Models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "is_warm"),
    [
        *(
            ("gpt-4o-mini", True),
            ("gpt-4.1", True),
            ("gpt-4", True),
            ("gpt-3.5-turbo", True),
            ("chatgpt-4o-latest", True),
        ),
        *(
            ("gpt-5", False),
            ("gpt-5-mini-2025-08-07", False),
            ("gpt-5.2", False),
            ("gpt-6-sol", False),
            ("gpt-10", False),
        ),
        *(("o1", False), ("o3-mini", False), ("ft:gpt-4o-mini:acme::1", True), ("ft:o4-mini:acme::1", False)),
        *(("gpt-5-chat-latest", True), ("our-own-model", True), ("omni-moderation", True), ("GPT-5", False)),
    ],
)
def test_openais_models_that_reason_take_no_temperature(model: str, is_warm: bool) -> None:
    rules = builder.rules_for("openai", model)

    assert rules.limit_name == "max_completion_tokens"
    assert (rules.temperature_off == "") == is_warm
    assert is_warm or model in rules.temperature_off


def test_anthropics_take_none_and_want_a_limit() -> None:
    rules = builder.rules_for("anthropic", "claude-haiku-4-5")

    assert rules.limit_name == "max_tokens"
    assert "October 2026" in rules.temperature_off
    assert "every request" in rules.limit_note


def test_a_model_that_chat_completions_do_not_reach_is_named() -> None:
    assert "Responses API" in builder.rules_for("openai", "gpt-5-pro").notes[0]
    assert builder.rules_for("openai", "gpt-5-professor").notes == ()


@pytest.mark.parametrize(
    ("model", "provider"),
    [("claude-sonnet-5", "anthropic"), ("gpt-4o", "openai"), ("o3", "openai"), ("mistral", ""), ("opus", ""), ("", "")],
)
def test_a_models_name_tells_whose_it_is(model: str, provider: str) -> None:
    assert builder.provider_of(model) == provider


# --- Estimates --------------------------------------------------------------------------------------------------------


def test_an_estimate_is_exact() -> None:
    """812 in, 300 of them cached, 240 out: 512 x 0.15 + 300 x 0.075 + 240 x 0.60 dollars a million."""
    estimate = builder.estimate(TokenUsage(input=512, cache_read=300, output=240), MINI)

    assert estimate.per_call == 76_800_000 + 22_500_000 + 144_000_000
    assert estimate.per_thousand == 243_300_000_000  # $0.2433
    assert not estimate.is_partial


def test_without_a_price_there_is_no_estimate() -> None:
    estimate = builder.estimate(builder.ASSUMED, None)

    assert (estimate.per_call, estimate.per_thousand) == (None, None)


def test_a_long_prompt_is_estimated_at_its_own_price() -> None:
    rates = Rates(input=10, output=20, long_context=((1000, Rates(input=100, output=200)),))

    assert builder.estimate(TokenUsage(input=1000, output=1), rates).per_call == 10_020
    assert builder.estimate(TokenUsage(input=1001, output=1), rates).per_call == 100_300


@given(st.integers(0, 10**12), st.integers(1, 10**7))
def test_an_average_is_off_by_half_a_token_at_most(total: int, count: int) -> None:
    usage = builder.average_usage({"input": total, "request_count": 5}, count)

    assert abs(usage.input - Fraction(total, count)) <= Fraction(1, 2)


def test_what_is_typed_goes_before_what_was_measured() -> None:
    measured = TokenUsage(input=500, cache_read=300, output=200, output_audio=10)

    assert builder.with_typed(measured, input_tokens=None, output_tokens=None) == measured
    typed = builder.with_typed(measured, input_tokens=0, output_tokens=7)
    assert typed == TokenUsage(input=0, output=7)
    assert builder.with_typed(measured, input_tokens=9, output_tokens=None).output_audio == 10


# --- Files ------------------------------------------------------------------------------------------------------------


def kind(name: str) -> Kind:
    found = snippets.find_kind(name)
    assert found
    return found


@pytest.mark.parametrize(
    ("key", "name", "file"),
    [
        ("document-summarizer", "openai-python", "document_summarizer_request.py"),
        ("openai", "openai-python", "openai_request.py"),  # `openai.py` would be imported in the SDK's place
        ("../../etc/passwd\n", "fetch", "etc-passwd-request.mjs"),
        ("Überblick 📈", "fetch-ts", "berblick-request.mts"),
        ("", "curl", "request.sh"),
        ("x" * 128, "go", f"{'x' * 72}_request.go"),
    ],
)
def test_a_file_is_named_by_its_prompt(key: str, name: str, file: str) -> None:
    assert builder.file_name(key, kind(name)) == file


# --- Choosing a language ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "language", "provider", "after"),
    [
        ("openai-python", "javascript", "openai", "openai-node"),
        ("openai-python-async", "python", "anthropic", "anthropic-python-async"),
        ("openai-ts", "typescript", "anthropic", "anthropic-ts"),
        ("fetch", "typescript", "openai", "fetch-ts"),
        ("vercel-ts", "javascript", "anthropic", "vercel"),
        ("httpx-async", "python", "openai", "httpx-async"),
        ("curl", "python", "openai", "requests"),
        ("go", "bash", "anthropic", "curl"),
    ],
)
def test_another_language_keeps_the_way_of_asking(before: str, language: str, provider: str, after: str) -> None:
    assert snippets.choose_kind(language, provider, kind(before)).id == after


# --- The form ---------------------------------------------------------------------------------------------------------


def form(**typed: str) -> BuilderForm:
    return BuilderForm({**beginning("", None), **typed})


def test_what_is_not_right_yet_is_left_out_of_the_code() -> None:
    given = form(temperature="warm", max_tokens="-1", feature_tags="ok", version="0", prompt_key="unknown", model=" ")

    assert set(given.errors) == {"temperature", "max_tokens", "version", "prompt_key", "model"}
    sample = given.sample("https://costs.example")
    assert sample.parameters.keys() == {"model", "messages"}
    assert sample.model == DEFAULT_MODELS["openai"]
    assert sample.metadata == {"feature_tags": ["ok"]}


def test_a_temperature_stays_on_the_form_while_a_model_refuses_it() -> None:
    off = form(model="gpt-5-mini", temperature="0.3")

    assert off.sample("x").temperature is None
    assert 'value="0.3"' in str(off["temperature"])
    assert "readonly" in str(off["temperature"])
    assert off["temperature"].help_text == off.rules.temperature_off
    assert form(temperature="0.3").sample("x").temperature == 0.3


def test_tags_have_the_limits_of_the_proxy() -> None:
    assert form(feature_tags=" a , b,,a ").sample("x").feature_tags == ("a", "b")
    assert "feature_tags" in form(feature_tags=",".join(map(str, range(21)))).errors
    assert "feature_tags" in form(feature_tags="x" * 65).errors
    assert "feature_tags" in form(feature_tags="a\tb").errors


@pytest.mark.parametrize(
    ("provider", "shown", "model", "settled"),
    [
        ("anthropic", "openai", "gpt-4o", ("anthropic", DEFAULT_MODELS["anthropic"])),  # the provider was chosen
        ("openai", "openai", "claude-opus-5", ("anthropic", "claude-opus-5")),  # the model was typed
        ("anthropic", "openai", "our-own", ("anthropic", "our-own")),
        ("openai", "openai", "gpt-4.1", ("openai", "gpt-4.1")),
        ("nobody", "openai", "claude-opus-5", ("nobody", "claude-opus-5")),
    ],
)
def test_provider_and_model_follow_each_other(provider: str, shown: str, model: str, settled: tuple[str, str]) -> None:
    found = settle({"provider": provider, "shown_provider": shown, "model": model})

    assert (found["provider"], found["model"]) == settled
    assert found["shown_provider"] == settled[0]
