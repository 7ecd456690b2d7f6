"""The README's examples, word for word but for the host, through a served proxy; keys come from the environment."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from scripts.hermetic import ROOT, environment
from tests.documentation.expectations import assert_received_clean
from tests.documentation.pages import PROXY, README, block, commands
from tests.documentation.served import Account, Call, Served

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed, so its examples cannot run")

PROVIDERS = ("openai", "anthropic")
PROVIDER_KEYS = ("OPENAI_API_KEY=sk-user_openai_key_here", "ANTHROPIC_API_KEY=sk-ant-user_anthropic_key_here")
HELLO = [{"role": "user", "content": "Hello!"}]
SENT = {
    "openai": {"model": "gpt-4.1-mini", "messages": HELLO},
    "anthropic": {"model": "claude-haiku-4-5", "max_tokens": 200, "messages": HELLO},
}
COSTS = {
    "openai": Decimal("0.0002088"),  # 42 x $0.40 and 120 x $1.60 a million
    "anthropic": Decimal("0.000642"),  # 42 x $1 and 120 x $5 a million
}
_CURL_MARKS = {"openai": "v1/openai/chat/completions", "anthropic": "v1/anthropic/messages"}
_PYTHON_MARKS = {"openai": "from openai import", "anthropic": "from anthropic import"}


def on(served: Served, text: str) -> str:
    assert "http://127.0.0.1:8000" in text
    return text.replace("http://127.0.0.1:8000", served.server.url)


def with_keys(key: str, *command: str) -> list[str]:
    """The command with the three variables that the README has its readers export."""
    return ["env", f"AIPC_KEY={key}", *PROVIDER_KEYS, *command]


def run(account: Account, text: str, *command: str) -> Call:
    return account.run(with_keys(account.key, *command), on(account.served, text))


def curl(served: Served, key: str, text: str) -> str:
    command: Sequence[str] = with_keys(key, "sh", "-c", on(served, text))
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=True, timeout=60).stdout


def assert_worked(account: Account, call: Call, provider: str) -> None:
    assert_received_clean(account, call.exchange, provider)
    assert call.exchange.json() == SENT[provider]
    (row,) = call.reports.get("by-prompt")["prompts"]
    assert (row["prompt_key"], row["total_cost"], row["request_count"]) == ("greeting", COSTS[provider], 1)
    (row,) = call.reports.get("version-comparison", prompt_key="greeting")["versions"]
    assert (row["version_number"], row["total_cost"]) == (1, COSTS[provider])
    assert call.reports.tags() == {"onboarding"}


@needs_curl
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_curl_examples_work(account: Account, provider: str) -> None:
    call = run(account, block(README, "bash", _CURL_MARKS[provider]), "sh", "-c")
    assert json.loads(call.output)["id"] == call.exchange.id
    assert_worked(account, call, provider)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_python_examples_work(account: Account, provider: str) -> None:
    call = run(account, block(README, "python", _PYTHON_MARKS[provider]), sys.executable, "-c")
    assert call.output.startswith("The answer depends")
    assert_worked(account, call, provider)


_ASKING = {
    "openai": "from openai import OpenAI; print(OpenAI().chat.completions.create",
    "anthropic": "from anthropic import Anthropic; print(Anthropic().messages.create",
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_python_sdks_need_only_their_environment(account: Account, provider: str) -> None:
    exports = on(account.served, block(PROXY, "bash", f"export {provider.upper()}_BASE_URL"))
    exports = exports.replace("=apc_...", f"={account.key}")
    exports = exports.replace("sk-...", "sk-user_openai_key_here").replace(
        "sk-ant-...", "sk-ant-user_anthropic_key_here"
    )
    exports = exports.replace(
        "_here'", "_here\nx-aipc-prompt-key: greeting\nx-aipc-tags: onboarding\nx-aipc-version: 1'"
    )

    program = shlex.join([sys.executable, "-c", f"{_ASKING[provider]}(**{SENT[provider]}))"])
    call = account.run(["sh", "-c"], exports + program)

    assert_worked(account, call, provider)


@needs_curl
def test_the_spend_is_read_back_as_shown(account: Account) -> None:
    run(account, block(README, "bash", _CURL_MARKS["openai"]), "sh", "-c")
    text = curl(account.served, account.key, block(README, "bash", "/api/aggregations/monthly"))
    reports: list[dict[str, Any]] = [json.loads(line, parse_float=Decimal) for line in text.splitlines()]
    assert [report["total_cost"] for report in reports] == [COSTS["openai"]] * 4
    assert [name for report in reports for name in ("prompts", "teams", "versions") if report.get(name)] == [
        "prompts",
        "teams",
        "versions",
    ]


@needs_curl
def test_the_commands_make_a_key_that_works_in_the_sandbox(served: Served) -> None:
    make_organization, make_key, _ = commands(README)
    assert manage(served, make_organization) == "acme"
    key = manage(served, make_key)
    text = block(README, "bash", _CURL_MARKS["openai"])
    provider_key = '-H "X-Provider-Key: $OPENAI_API_KEY"'
    assert provider_key in text
    seen = len(served.provider.log)

    answer = json.loads(curl(served, key, text.replace(provider_key, '-H "X-Sandbox: true"')))

    assert "simulated" in answer["choices"][0]["message"]["content"]
    assert len(served.provider.log) == seen


def manage(served: Served, arguments: str) -> str:
    """What `make manage` prints, for the data of the served proxy."""
    command = [sys.executable, "manage.py", *shlex.split(arguments)]
    variables = {**environment(), "DATA_DIR": str(served.folder)}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()
