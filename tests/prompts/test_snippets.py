"""The integration code: what it says, and how it writes values. That it works is shown by test_builder_programs.py."""

import ast
import json
import shlex
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts import snippets
from prompts.snippets import KEY_PLACEHOLDER, Sample, literals
from prompts.templatetags.code import highlight

MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5"}
EVERY = [(kind.id, provider) for kind in snippets.KINDS for provider in kind.providers]
TRICKY = 'It\'s "quoted",\n$HOME `id` \\ 😀 </script> 100 %'


def make_sample(provider: str = "openai", **changes: Any) -> Sample:
    labels = {"prompt_key": "my-first-prompt", "feature_tags": ("getting-started", "docs"), "version": 2}
    fields: dict[str, Any] = {
        "public_url": "https://costs.example",
        "provider": provider,
        "model": MODELS[provider],
        **labels,
    }
    return Sample(**(fields | changes))


# --- What a snippet says ----------------------------------------------------------------------------------------------


def test_there_is_code_for_every_way_to_send_a_request() -> None:
    assert [kind.label for kind in snippets.KINDS] == [
        "cURL",
        "Python requests",
        "OpenAI SDK, Python",
        "OpenAI SDK, Node",
        "Anthropic SDK, Python",
        "Anthropic SDK, Node",
        "fetch",
    ]
    assert [kind.id for kind in snippets.kinds_for("anthropic")] == [
        "curl",
        "requests",
        "anthropic-python",
        "anthropic-node",
        "fetch",
    ]


@pytest.mark.parametrize(("kind", "provider"), EVERY)
def test_a_snippet_names_this_installation_and_stands_ready_for_both_keys(kind: str, provider: str) -> None:
    code = snippets.render(kind, make_sample(provider))

    assert f"https://costs.example/api/proxy/v1/{provider}" in code
    assert code.count(KEY_PLACEHOLDER) == 1
    assert {"openai": "YOUR_OPENAI_KEY", "anthropic": "YOUR_ANTHROPIC_KEY"}[provider] in code
    assert "my-first-prompt" in code
    assert max(len(line) for line in code.splitlines()) <= 100


@pytest.mark.parametrize(("kind", "provider"), EVERY)
def test_the_key_is_put_where_the_page_finds_it(kind: str, provider: str) -> None:
    """In one piece of text after highlighting, too, for the browser to replace."""
    language = next(one.language for one in snippets.KINDS if one.id == kind)

    assert KEY_PLACEHOLDER in highlight(snippets.render(kind, make_sample(provider)), language)


@pytest.mark.parametrize(("kind", "provider"), EVERY)
def test_nothing_is_said_of_labels_that_are_not_given(kind: str, provider: str) -> None:
    code = snippets.render(kind, make_sample(provider, prompt_key="", feature_tags=(), version=None))

    assert "_aipromptcost" not in code
    assert "extra_body" not in code


def test_limits_go_by_the_names_that_current_models_take() -> None:
    limits: dict[str, Any] = {"temperature": 0.2, "max_tokens": 300}
    openai = make_sample(**limits).parameters
    anthropic = make_sample("anthropic", **limits).parameters

    assert (openai["temperature"], openai["max_completion_tokens"]) == (0.2, 300)
    assert "max_tokens" not in openai
    assert anthropic["max_tokens"] == 300
    assert "temperature" not in anthropic


def test_anthropic_gets_a_token_limit_and_its_system_text_apart() -> None:
    assert make_sample("anthropic").parameters["max_tokens"] > 0
    assert make_sample("anthropic", system="Be brief.").parameters["system"] == "Be brief."
    assert make_sample(system="Be brief.").parameters["messages"][0] == {"role": "system", "content": "Be brief."}


def test_a_provider_is_not_asked_with_anothers_sdk() -> None:
    with pytest.raises(ValueError, match="does not speak to anthropic"):
        snippets.render("openai-python", make_sample("anthropic"))
    with pytest.raises(KeyError):
        snippets.render("telnet", make_sample())


# --- How values are written -------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_a_value_in_python_is_that_value(value: Any) -> None:
    assert ast.literal_eval(literals.python(value)) == value


@given(values)
def test_a_value_in_json_is_that_value(value: Any) -> None:
    assert json.loads(literals.json_text(value)) == value


@given(texts.filter(lambda text: "\0" not in text))
def test_a_quoted_text_is_one_word_of_the_shell(text: str) -> None:
    assert shlex.split(f"say {literals.shell(text)}") == ["say", text]


@pytest.mark.node
def test_a_value_in_javascript_is_that_value() -> None:
    value: Any = {
        "a-b": [1, -2.5, True, False, None],
        "plain": {"text": TRICKY, "none": [], "é": "\u2028"},
        "nested": [[{}]],
    }
    script = f"console.log(JSON.stringify({literals.javascript(value)}))"
    done = subprocess.run(["node", "--eval", script], capture_output=True, text=True, timeout=60, check=True)

    assert json.loads(done.stdout) == value


def test_the_body_of_curl_is_the_request() -> None:
    sample = make_sample("anthropic", prompt=TRICKY)
    words = shlex.split(snippets.render("curl", sample))

    assert words[:2] == ["curl", "https://costs.example/api/proxy/v1/anthropic/messages"]
    assert json.loads(words[words.index("-d") + 1]) == sample.body
    assert f"Authorization: Bearer {KEY_PLACEHOLDER}" in words
