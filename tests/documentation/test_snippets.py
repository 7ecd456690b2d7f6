"""The documentation's curl and Python snippets, word for word, through a served proxy."""

import json
import shutil
from typing import Any

import pytest
import requests

from scripts.hermetic import ROOT
from tests.documentation.expectations import assert_booked, assert_documented, assert_received_clean
from tests.documentation.served import SNIPPETS, Account, Served
from tests.fake_provider import Scenario

HELLO = [{"role": "user", "content": "Hello!"}]
SUMMARIZE = [{"role": "user", "content": "Summarize this document..."}]
SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
GPT = {"model": "gpt-4o", "messages": [SYSTEM, *SUMMARIZE], "temperature": 0.7, "max_tokens": 500}
SONNET = {"model": "claude-sonnet-4-20250514", "max_tokens": 500, "messages": SUMMARIZE, "system": SYSTEM["content"]}


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed, so its snippets cannot run")
@pytest.mark.parametrize(
    ("provider", "sent"),
    [
        ("openai", {"model": "gpt-4o", "messages": HELLO}),
        ("anthropic", {"model": "claude-sonnet-4-20250514", "max_tokens": 500, "messages": HELLO}),
    ],
)
def test_the_curl_snippets_work(account: Account, provider: str, sent: dict[str, Any]) -> None:
    call = account.run(["sh", "-c"], account.text(f"{provider}-curl.sh"))
    assert_received_clean(account, call.exchange, provider)
    assert call.exchange.json() == sent
    assert call.exchange.header("anthropic-version") == ("2023-06-01" if provider == "anthropic" else "")
    assert json.loads(call.output)["id"] == call.exchange.id
    assert_documented(call, provider)


@pytest.mark.slow
@pytest.mark.parametrize(("provider", "sent"), [("openai", GPT), ("anthropic", SONNET)])
def test_the_requests_snippets_work(account: Account, provider: str, sent: dict[str, Any]) -> None:
    call = account.run_python(account.text(f"{provider}-requests.py"))
    assert_received_clean(account, call.exchange, provider)
    assert call.exchange.json() == sent
    assert call.output.startswith("The answer depends")
    assert_documented(call, provider)


def test_the_openai_sdk_snippet_works(account: Account) -> None:
    call = account.run_python(account.text("openai-sdk.py") + "print(response.model_dump_json())")
    assert_received_clean(account, call.exchange, "openai")
    assert call.exchange.json() == {"model": "gpt-4o", "messages": HELLO}
    answer = json.loads(call.output)
    assert (answer["id"], answer["usage"]["total_tokens"]) == (call.exchange.id, 162)
    assert_documented(call, "openai")


def test_the_anthropic_sdk_snippet_works_and_is_booked_without_a_prompt(account: Account) -> None:
    call = account.run_python(account.text("anthropic-sdk.py") + "print(message.model_dump_json())")
    assert_received_clean(account, call.exchange, "anthropic")
    assert call.exchange.json() == {name: SONNET[name] for name in ("model", "max_tokens", "messages")}
    assert call.exchange.header("anthropic-version") > "2023-06-01"  # The SDK's own.
    assert json.loads(call.output)["usage"]["output_tokens"] == 120
    assert_booked(call, "anthropic", prompt_key="unknown", version=None)
    assert call.reports.tags() == {""}


METADATA = "{'prompt_key': 'document-summarizer', 'feature_tags': ['summarization', 'documents'], 'version': 2}"
METADATA_HEADERS = (
    "{'x-aipc-prompt-key': 'document-summarizer', 'x-aipc-tags': 'summarization, documents', 'x-aipc-version': '2'}"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "addition", [f"extra_body={{'_aipromptcost': {METADATA}}}", f"extra_headers={METADATA_HEADERS}"]
)
def test_the_anthropic_sdk_passes_metadata_as_its_snippet_suggests(account: Account, addition: str) -> None:
    """ "Pass _aipromptcost via extra_headers or extra_body depending on SDK version"."""
    text = account.text("anthropic-sdk.py")
    comment = "    # Pass _aipromptcost via extra_headers or extra_body depending on SDK version\n"
    assert comment in text
    call = account.run_python(text.replace(comment, f"    {addition},\n"))
    assert_received_clean(account, call.exchange, "anthropic")
    assert_documented(call, "anthropic")


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_the_example_requests_get_the_example_answers(served: Served, account: Account, provider: str) -> None:
    """The example answers' members are there, with the same types and, for usage, the same numbers."""
    example = json.loads((SNIPPETS / f"{provider}-response.json.txt").read_text())
    route = {"openai": "chat/completions", "anthropic": "messages"}[provider]
    key = {"openai": "sk-user_openai_key_here", "anthropic": "sk-ant-user_anthropic_key_here"}[provider]
    answer = requests.post(
        f"{served.server.url}/api/proxy/v1/{provider}/{route}",
        data=(SNIPPETS / f"{provider}-request.json.txt").read_bytes(),
        headers={
            "Authorization": f"Bearer {account.key}",
            "X-Provider-Key": key,
            "Content-Type": "application/json",
        },
        timeout=10,
    )
    assert answer.status_code == 200
    assert_like(example, answer.json())
    assert example["usage"].items() <= answer.json()["usage"].items()


def test_the_reports_have_the_shape_of_the_examples(account: Account) -> None:
    call = account.run_python(account.text("openai-sdk.py"))
    for name in ("monthly", "by-prompt", "by-team", "version-comparison"):
        example = json.loads((SNIPPETS / f"aggregation-{name}.json.txt").read_text())
        parameters = {"prompt_key": "document-summarizer"} if name == "version-comparison" else {}
        assert_like(example, json.loads(json.dumps(call.reports.get(name, **parameters), default=float)))


def assert_like(example: Any, value: Any) -> None:
    """Every member of the example is in the value; numbers are numbers, texts are texts. Lists follow their first."""
    if isinstance(example, dict):
        for name, member in example.items():
            assert_like(member, value[name])
    elif isinstance(example, list):
        for member in value:
            assert_like(example[0], member)
    elif isinstance(example, int | float):
        assert isinstance(value, int | float)
    else:
        assert type(value) is type(example)


@pytest.mark.slow
@pytest.mark.parametrize("is_stream", [False, True])
def test_streams_and_answers_cost_the_same(served: Served, account: Account, is_stream: bool) -> None:
    served.provider.script(Scenario(prompt_tokens=42, output_tokens=120))
    addition = f"    stream={is_stream},\n    extra_body={{"
    text = account.text("openai-sdk.py").replace("    extra_body={", addition)
    reading = "print([chunk.usage for chunk in response])" if is_stream else "print(response.id)"
    call = account.run_python(text + reading)
    if is_stream:
        # The usage that the proxy asked for does not reach a client that did not ask.
        assert call.exchange.json()["stream_options"] == {"include_usage": True}
        assert set(json.loads(call.output.replace("None", "null"))) == {None}
    assert_documented(call, "openai")


def test_the_lock_file_of_the_node_sdks_names_no_host() -> None:
    assert "://" not in (ROOT / "tests" / "node" / "package-lock.json").read_text()
