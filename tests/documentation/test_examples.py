"""The documentation's curl and Python examples, word for word but for the host, through a served proxy.

Keys come from the environment, as the pages say. All Python examples run in one process, one after the other, since
importing the SDKs takes longer than all of the calls.
"""

import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.hermetic import ROOT, environment
from tests.documentation.expectations import assert_received_clean
from tests.documentation.pages import DOCS, ERRORS, SDK_PAGES, Block, all_blocks, block, blocks, commands
from tests.documentation.served import Account, Call, Served
from tests.fake_provider import Exchange
from tests.processes import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.slow

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed, so its examples cannot run")

EXAMPLE_URL = "http://127.0.0.1:8000"
PROVIDER_KEYS = {"OPENAI_API_KEY": "sk-user_openai_key_here", "ANTHROPIC_API_KEY": "sk-ant-user_anthropic_key_here"}
COSTS = {
    "openai": Decimal("0.0002088"),  # 42 x $0.40 and 120 x $1.60 a million
    "anthropic": Decimal("0.000642"),  # 42 x $1 and 120 x $5 a million
}
MODELS = {"openai": "gpt-4.1-mini", "anthropic": "claude-haiku-4-5"}
# They cannot be installed for the tests of Python alone; their examples are parsed.
NOT_INSTALLED = {"langchain_openai", "langchain_anthropic"}

_BLOCKS = [one for one in all_blocks(sorted(DOCS.glob("*.md"))) if one.provider]
CURL = [one for one in _BLOCKS if one.language == "bash" and one.text.startswith("curl")]
PYTHON = [one for one in _BLOCKS if one.language == "python" and not one.packages & NOT_INSTALLED]
EXPORTS = [one for one in _BLOCKS if one.language == "bash" and "_BASE_URL=" in one.text]
_END = "--- end of example ---"
_DRIVER = f"""
import json, os, sys, traceback
for key, source in json.load(sys.stdin):
    os.environ["AIPROMPTCOST_API_KEY"] = key
    try:
        exec(compile(source, "example", "exec"), {{"__name__": "__main__"}})
    except Exception:
        traceback.print_exc(file=sys.stdout)
    print({_END!r}, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    account: Account
    output: str
    exchange: Exchange | None  # None in the sandbox


def with_keys(account: Account) -> dict[str, str]:
    """The variables that the pages have their readers export."""
    variables = {"AIPROMPTCOST_API_KEY": account.key, "PYTHONWARNINGS": "ignore", **PROVIDER_KEYS}
    return environment() | variables


def on(served: Served, text: str) -> str:
    assert EXAMPLE_URL in text
    return text.replace(EXAMPLE_URL, served.server.url)


@pytest.fixture(scope="module")
def ran(served: Served) -> dict[str, Ran]:
    accounts = [served.new_account() for _ in PYTHON]
    asked = json.dumps([(account.key, on(served, one.text)) for account, one in zip(accounts, PYTHON, strict=True)])
    seen = len(served.provider.log)
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER], input=asked, env=with_keys(accounts[0]), capture_output=True, text=True,
        check=True, timeout=4 * PATIENCE_SECONDS,
    )  # fmt: skip
    exchanges = iter(served.provider.log[seen:])
    outputs = done.stdout.split(f"{_END}\n")[:-1]
    found = {}
    for account, one, output in zip(accounts, PYTHON, outputs, strict=True):
        found[str(one)] = Ran(account, output, None if one.is_simulated else next(exchanges, None))
    assert next(exchanges, None) is None, "an example made more than one call"
    return found


def test_there_are_examples_of_all_kinds() -> None:
    assert {(one.page.stem, one.provider) for one in PYTHON} >= {("openai", "openai"), ("anthropic", "anthropic")}
    assert {package for one in PYTHON for package in one.packages} >= {"openai", "anthropic", "requests", "httpx"}
    assert len(CURL) >= 5
    assert {one.provider for one in EXPORTS} == {"openai", "anthropic"}


@pytest.mark.parametrize("example", PYTHON, ids=str)
def test_the_python_examples_work(ran: dict[str, Ran], example: Block) -> None:
    assert_worked(example, ran[str(example)])


@needs_curl
@pytest.mark.parametrize("example", CURL, ids=str)
def test_the_curl_examples_work(served: Served, account: Account, example: Block) -> None:
    seen = len(served.provider.log)
    output = shell(account, on(served, example.text))
    answer = json.loads(output)
    assert answer["model"].startswith(MODELS[example.provider])
    exchange = None if example.is_simulated else served.provider.log[seen]
    assert_worked(example, Ran(account, output, exchange))


def shell(account: Account, text: str) -> str:
    done = subprocess.run(["sh", "-c", text], env=with_keys(account), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_worked(example: Block, ran: Ran) -> None:
    assert ran.output.strip()
    assert "Traceback" not in ran.output, ran.output
    if example.is_simulated:
        assert "simulated" in ran.output
        return
    assert ran.exchange is not None, ran.output
    assert_received_clean(ran.account, ran.exchange, example.provider)
    sent = ran.exchange.json()
    assert sent["model"] == MODELS[example.provider]
    assert sent["messages"][-1]["role"] == "user"
    assert_booked(example, ran.account)


def assert_booked(example: Block, account: Account) -> None:
    """At the cost worked out by hand, with the metadata that stands in the example."""
    reports = account.reports
    wait_until(lambda: reports.monthly()["request_count"] == 1, "the call is in the ledger")
    (row,) = reports.get("by-prompt")["prompts"]
    assert (row["prompt_key"], row["total_cost"], row["request_count"]) == ("greeting", COSTS[example.provider], 1)
    (row,) = reports.get("version-comparison", prompt_key="greeting")["versions"]
    assert row["version_number"] == (1 if "version" in example.text else None)
    assert reports.tags() == {"onboarding"}


@pytest.mark.parametrize(("provider", "requests_made"), [("openai", 7), ("anthropic", 2)])
def test_the_pieces_go_on_with_the_client_from_above(
    account: Account, tmp_path: Path, provider: str, requests_made: int
) -> None:
    """The other routes: answers, embeddings, speech and its transcript, a background response and a batch."""
    page = SDK_PAGES[provider]
    first = next(one.text for one in PYTHON if one.page == page and provider in one.packages)
    pieces = [one.text for one in all_blocks([page]) if one.language == "python" and not one.provider]

    program = "\n".join([on(account.served, first), *pieces])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=with_keys(account),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=4 * PATIENCE_SECONDS,
    )

    assert done.returncode == 0, done.stderr
    reports = account.reports
    wait_until(lambda: reports.monthly()["request_count"] == requests_made, "the calls are in the ledger")
    (row,) = reports.get("by-prompt")["prompts"]
    assert row["prompt_key"] == "greeting"


_ASKING = {
    "openai": "from openai import OpenAI; print(OpenAI().chat.completions.create",
    "anthropic": "from anthropic import Anthropic; print(Anthropic().messages.create",
}


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_the_python_sdks_need_only_their_environment(account: Account, provider: str) -> None:
    exports = block(DOCS / "frameworks.md", "bash", f"export {provider.upper()}_BASE_URL")
    exports = on(account.served, exports).replace("=apc_...", f"={account.key}")
    key = PROVIDER_KEYS[f"{provider.upper()}_API_KEY"]
    labels = "\nx-aipc-prompt-key: greeting\nx-aipc-tags: onboarding\nx-aipc-version: 1'"
    exports = exports.replace("sk-ant-...'", f"{key}{labels}").replace("sk-...'", f"{key}{labels}")
    sent = {"model": MODELS[provider], "max_tokens": 200, "messages": [{"role": "user", "content": "Hello!"}]}

    program = shlex.join([sys.executable, "-c", f"{_ASKING[provider]}(**{sent}))"])
    call: Call = account.run(["sh", "-c"], exports + program)

    assert_received_clean(account, call.exchange, provider)
    assert call.exchange.json() == sent
    (example,) = [one for one in EXPORTS if one.provider == provider]
    assert_booked(Block(example.page, example.number, "bash", f"{example.text} version"), account)


# --- Reading the spend back -------------------------------------------------------------------------------------------


@needs_curl
def test_the_spend_is_read_back_as_shown(served: Served, ran: dict[str, Ran]) -> None:
    example = next(one for one in PYTHON if one.provider == "openai" and not one.is_simulated)
    account = ran[str(example)].account
    wait_until(lambda: account.reports.monthly()["request_count"] == 1, "the call is in the ledger")

    asked = block(DOCS / "getting-started.md", "bash", "/api/aggregations/by-prompt")
    answer: dict[str, Any] = json.loads(shell(account, on(served, asked)), parse_float=Decimal)
    assert answer["prompts"][0]["total_cost"] == COSTS["openai"]
    asked = block(DOCS / "troubleshooting.md", "bash", "/api/aggregations/monthly")
    assert " 200 " in shell(account, on(served, asked)).splitlines()[0]
    asked = block(DOCS / "api.md", "bash", "/api/aggregations/by-team")
    assert json.loads(shell(account, on(served, asked)))["period"] == {"start": "2026-02-01", "end": "2026-02-28"}
    asked = block(DOCS / "api.md", "bash", "/api/exports/").replace("curl -OJ", "curl")
    assert shell(account, on(served, asked)).startswith("prompt_key,")

    pages = next(text for text in blocks(DOCS / "api.md", "python") if "next_cursor" in text)
    command = [sys.executable, "-c", on(served, pages)]
    done = subprocess.run(command, env=with_keys(account), capture_output=True, text=True, check=True, timeout=60)
    (line,) = done.stdout.splitlines()
    assert line.split()[1:] == ["greeting", str(COSTS["openai"])]


@needs_curl
def test_every_question_of_the_page_about_the_api_is_answered(served: Served, ran: dict[str, Ran]) -> None:
    example = next(one for one in PYTHON if one.provider == "anthropic" and not one.is_simulated)
    account = ran[str(example)].account
    wait_until(lambda: account.reports.monthly()["request_count"] == 1, "the call is in the ledger")

    answers = [
        shell(account, on(served, asked).replace("curl -OJ", "curl")) for asked in blocks(DOCS / "api.md", "bash")
    ]

    _, ordered, page, models, table, status = answers
    assert [row["prompt_key"] for row in json.loads(ordered)["prompts"]] == ["greeting"]
    assert [row["day"][-2:] for row in json.loads(page)["days"]] == [str(day) for day in range(11, 21)]
    assert models.splitlines()[0].startswith("model,total_cost,request_count,")
    assert table.startswith("prompt_key,")
    assert status == "304"


def test_the_commands_make_a_key_that_works(served: Served) -> None:
    wanted = [one for one in commands(DOCS / "operations.md") if one.startswith("create_")][:2]
    organization, key = [manage(served, one) for one in wanted]
    assert organization == "acme"
    reports = Account(served, 0, key).reports
    assert reports.monthly()["organization"] == "acme"


def manage(served: Served, arguments: str) -> str:
    """What `make manage` prints, for the data of the served proxy."""
    command = [sys.executable, "manage.py", *shlex.split(arguments)]
    variables = {**environment(), "DATA_DIR": str(served.folder)}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_the_example_of_an_error_is_what_the_proxy_answers(served: Served) -> None:
    answer = requests.post(
        f"{served.server.url}/api/proxy/v1/openai/chat/completions", data="{}", timeout=PATIENCE_SECONDS
    )

    assert answer.json() == json.loads(blocks(ERRORS, "json")[0])
    assert answer.headers["x-should-retry"] == "false"


def test_the_example_of_a_warning_is_what_the_proxy_answers(served: Served, account: Account) -> None:
    answer = requests.post(
        f"{served.server.url}/api/proxy/v1/openai/chat/completions",
        json={"model": "gpt-4.1-mini", "messages": [], "_aipromptcost": {"prompt_key": "x" * 129}},
        headers={"Authorization": f"Bearer {account.key}", "X-Sandbox": "true"},
        timeout=PATIENCE_SECONDS,
    )

    said = block(DOCS / "metadata.md", "text", "x-aipc-warning")
    assert answer.headers["x-aipc-warning"] == said.strip().removeprefix("x-aipc-warning: ")
