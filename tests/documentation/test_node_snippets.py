"""The documentation's JavaScript, word for word, and the Node SDKs, through a served proxy. Needs Node and npm."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients import environments
from tests.documentation.expectations import assert_booked, assert_documented, assert_received_clean
from tests.documentation.served import Account, Call
from tests.documentation.test_snippets import GPT, HELLO, SONNET

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def node_folder() -> Path:
    """Where the SDKs of package-lock.json are installed; done here when they are not."""
    return environments.node_folder()


def run_node(account: Account, folder: Path, source: str) -> Call:
    return account.run(["node", "--input-type=module", "--eval"], source, cwd=folder)


@pytest.mark.parametrize(("provider", "sent"), [("openai", GPT), ("anthropic", SONNET)])
def test_the_fetch_snippets_work(account: Account, node_folder: Path, provider: str, sent: dict[str, Any]) -> None:
    call = run_node(account, node_folder, account.text(f"{provider}-fetch.js"))
    assert_received_clean(account, call.exchange, provider)
    assert call.exchange.json() == sent
    assert call.output.startswith("The answer depends")
    assert_documented(call, provider)


def test_the_anthropic_node_sdk_snippet_works(account: Account, node_folder: Path) -> None:
    call = run_node(account, node_folder, account.text("anthropic-sdk.js"))
    assert_received_clean(account, call.exchange, "anthropic")
    assert call.exchange.json() == {name: SONNET[name] for name in ("model", "max_tokens", "messages")}
    assert call.output.startswith("The answer depends")
    assert_booked(call, "anthropic", prompt_key="unknown", version=None)


METADATA = """
    _aipromptcost: {
      prompt_key: 'document-summarizer',
      feature_tags: ['summarization', 'documents'],
      version: 2,
    },
"""
OPENAI_CLIENT = """
import OpenAI from 'openai';

const client = new OpenAI({
  apiKey: 'your_ai_prompt_cost_api_key_here',
  baseURL: 'https://aipromptcost.com/api/proxy/v1/openai',
  defaultHeaders: { 'X-Provider-Key': 'sk-user_openai_key_here' },
});
"""


def own(account: Account, text: str) -> str:
    """A snippet of these tests, filled in as those of the documentation."""
    return text.replace("https://aipromptcost.com", account.served.server.url).replace(
        "your_ai_prompt_cost_api_key_here", account.key
    )


def test_the_anthropic_node_sdk_passes_the_metadata_member(account: Account, node_folder: Path) -> None:
    text = account.text("anthropic-sdk.js").replace("  max_tokens: 500,", f"  max_tokens: 500,{METADATA}")
    call = run_node(account, node_folder, text)
    assert_received_clean(account, call.exchange, "anthropic")
    assert_documented(call, "anthropic")


def test_the_openai_node_sdk_works(account: Account, node_folder: Path) -> None:
    asking = f"model: 'gpt-4o', messages: [{{ role: 'user', content: 'Hello!' }}], {METADATA}"
    text = f"{OPENAI_CLIENT} console.log(JSON.stringify(await client.chat.completions.create({{ {asking} }})));"
    call = run_node(account, node_folder, own(account, text))
    assert_received_clean(account, call.exchange, "openai")
    assert call.exchange.json() == {"model": "gpt-4o", "messages": HELLO}
    assert json.loads(call.output)["usage"]["total_tokens"] == 162
    assert_documented(call, "openai")


def test_the_openai_node_sdk_streams_without_the_usage_that_it_did_not_ask_for(
    account: Account, node_folder: Path
) -> None:
    asking = f"model: 'gpt-4o', stream: true, messages: [{{ role: 'user', content: 'Hello!' }}], {METADATA}"
    reading = "for await (const chunk of stream) process.stdout.write(JSON.stringify(chunk) + '\\n');"
    text = f"{OPENAI_CLIENT} const stream = await client.chat.completions.create({{ {asking} }}); {reading}"
    call = run_node(account, node_folder, own(account, text))
    chunks = [json.loads(line) for line in call.output.splitlines()]
    assert all(chunk["choices"] and not chunk.get("usage") for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert_documented(call, "openai")


def test_the_anthropic_node_sdk_streams(account: Account, node_folder: Path) -> None:
    text = account.text("anthropic-sdk.js").replace("  max_tokens: 500,", f"  max_tokens: 500,{METADATA}")
    text = text.replace("const message = await client.messages.create(", "const stream = client.messages.stream(")
    text = text.replace(
        "console.log(message.content[0].text)", "console.log(JSON.stringify(await stream.finalMessage()))"
    )
    call = run_node(account, node_folder, text)
    message = json.loads(call.output)
    assert (message["usage"]["input_tokens"], message["usage"]["output_tokens"]) == (42, 120)
    assert_documented(call, "anthropic")
