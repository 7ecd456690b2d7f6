"""The builder's and the onboarding's curl and Python programs, word for word, through a served proxy."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import responses
from ast_grep_py import SgRoot

from prompts.snippets import KEY_VARIABLE
from scripts.hermetic import environment
from tests.documentation.served import Reports, Served
from tests.fake_provider import Exchange
from tests.processes import wait_until
from tests.prompts.programs import (
    MODELS,
    PROGRAMS,
    PROVIDER_KEYS,
    TAG,
    TRICKY,
    Program,
    keys_of,
    programs_in,
    run_python,
)

pytestmark = pytest.mark.slow

RUN = programs_in("bash", "python")
URL = "https://costs.example"


@dataclass(frozen=True)
class Outcome:
    pieces: list[str]
    exchange: Exchange


@dataclass(frozen=True)
class Ran:
    outcomes: dict[str, Outcome]
    reports: Reports
    tags: set[str]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Every program once, one after another, and then one wait for the ledger."""
    served = Served(tmp_path_factory.mktemp("programs"))
    served.start()
    try:
        account = served.new_account()
        outcomes = {}
        for program in RUN:
            seen = len(served.provider.log)
            pieces = run(program, program.source(served.server.url, account.key), account.key)
            (exchange,) = served.provider.log[seen:]
            outcomes[program.name] = Outcome(pieces, exchange)
        wait_until(lambda: account.reports.monthly()["request_count"] == len(RUN), "the calls are in the ledger")
        yield Ran(outcomes, account.reports, account.reports.tags())
    finally:
        served.stop()


def run(program: Program, source: str, platform_key: str) -> list[str]:
    if program.kind.language == "python":
        return run_python(program, source, platform_key)
    variables = {**environment(), **keys_of(program, platform_key)}
    done = subprocess.run(["sh", "-c", source], env=variables, capture_output=True, text=True, timeout=180, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("program", RUN, ids=lambda program: program.name)
def test_a_program_sends_what_was_set_and_nothing_of_ours(ran: Ran, program: Program) -> None:
    exchange = ran.outcomes[program.name].exchange
    assert_sent(exchange, program)


def assert_sent(exchange: Exchange, program: Program) -> None:
    """At the provider: the whole request, both texts letter by letter, its own key, and no label."""
    body = as_others_say_it(exchange.json(), program)
    system = f"Be brief. {TRICKY}"
    expected: dict[str, Any] = {"model": MODELS[program.provider], "messages": [{"role": "user", "content": TRICKY}]}
    if program.provider == "anthropic":
        expected |= {"max_tokens": 300, "system": system}
        assert exchange.header("x-api-key") == PROVIDER_KEYS["anthropic"]
    else:
        expected |= {"max_completion_tokens": 300, "temperature": 0.25}
        expected["messages"].insert(0, {"role": "system", "content": system})
        assert exchange.header("authorization") == f"Bearer {PROVIDER_KEYS['openai']}"
    assert bool(body.pop("stream", False)) == program.is_stream
    assert body.pop("stream_options", {"include_usage": True}) == {"include_usage": True}  # asked for by the proxy
    assert body == expected
    assert not [name for name, _ in exchange.headers if name.lower().startswith(("x-aipc", "x-provider"))]


def as_others_say_it(body: dict[str, Any], program: Program) -> dict[str, Any]:
    """The Vercel AI SDK has its own way to say the same: lists of parts, and the older name of the limit."""
    if program.kind.library != "Vercel AI SDK":
        return body
    if "max_tokens" in body and program.provider == "openai":
        body["max_completion_tokens"] = body.pop("max_tokens")
    for holder, name in [(body, "system"), *((message, "content") for message in body["messages"])]:
        if isinstance(holder.get(name), list):
            (part,) = holder[name]
            assert part["type"] == "text"
            holder[name] = part["text"]
    return body


@pytest.mark.parametrize("program", RUN, ids=lambda program: program.name)
def test_a_program_prints_the_answer_and_a_stream_piece_by_piece(ran: Ran, program: Program) -> None:
    pieces = ran.outcomes[program.name].pieces
    if program.kind.language == "bash":
        assert sum("The answer" in piece for piece in pieces) == (not program.is_stream)
        assert (sum(piece.startswith("data: ") for piece in pieces) > 4) == program.is_stream
        return
    assert "".join(pieces).startswith("The answer depends")
    assert "".join(pieces).endswith("\n")
    # print() writes the text, then the end of the line.
    assert (len(pieces) > 4) == program.is_stream


def test_each_call_is_booked_under_its_labels(ran: Ran) -> None:
    booked = {row["prompt_key"]: row["request_count"] for row in ran.reports.get("by-prompt")["prompts"]}

    assert booked == {program.prompt_key: 1 for program in RUN}
    assert ran.tags == {"builder", TAG}
    for program in RUN[::5]:
        versions = ran.reports.get("version-comparison", prompt_key=program.prompt_key)["versions"]
        assert [row["version_number"] for row in versions] == [3]


# --- requests, as the library itself is asked -------------------------------------------------------------------------

ANSWERS = {
    "openai": {"choices": [{"message": {"role": "assistant", "content": "Hello there"}}]},
    "anthropic": {"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hello there"}]},
}
EVENTS: dict[str, list[dict[str, Any]]] = {
    "openai": [
        {"choices": [{"delta": {"role": "assistant"}}]},
        {"choices": [{"delta": {"content": "Hello "}}]},
        {"choices": [{"delta": {"content": "there"}}]},
        {"choices": [], "usage": {"prompt_tokens": 1}},
    ],
    "anthropic": [
        {"type": "message_start", "message": {}},
        {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm."}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello "}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "there"}},
        {"type": "message_stop"},
    ],
}
BY_REQUESTS = [program for program in PROGRAMS if program.kind.id == "requests"]


def as_stream(events: list[dict[str, Any]], last: str = "data: [DONE]\n\n") -> str:
    return "".join(f"event: x\ndata: {json.dumps(event)}\n\n" for event in events) + last


@pytest.mark.parametrize("program", BY_REQUESTS, ids=lambda program: program.name)
def test_requests_is_asked_for_the_right_thing(program: Program) -> None:
    route = {"openai": "chat/completions", "anthropic": "messages"}[program.provider]
    address = f"{URL}/api/proxy/v1/{program.provider}/{route}"
    with responses.RequestsMock() as mocked:
        if program.is_stream:
            mocked.post(address, body=as_stream(EVENTS[program.provider]), content_type="text/event-stream")
        else:
            mocked.post(address, json=ANSWERS[program.provider])
        pieces = run_python(program, program.source(URL), "apc_key")
        (call,) = mocked.calls

    assert (call.request.method, call.request.url) == ("POST", address)
    assert call.request.headers["Authorization"] == "Bearer apc_key"
    assert call.request.headers["X-Provider-Key"] == PROVIDER_KEYS[program.provider]
    assert call.request.headers["Content-Type"] == "application/json"
    assert call.request.body is not None
    assert json.loads(call.request.body) == program.sample(URL).body
    assert json.loads(call.request.body)["_aipromptcost"] == {
        "prompt_key": program.prompt_key,
        "feature_tags": ["builder", TAG],
        "version": 3,
    }
    assert "".join(pieces) == "Hello there\n"


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_an_error_in_mid_stream_ends_the_program(provider: str) -> None:
    program = next(one for one in BY_REQUESTS if one.is_stream and one.provider == provider)
    broken = as_stream([*EVENTS[provider][:3], {"type": "error", "error": {"message": "Overloaded"}}])
    with responses.RequestsMock() as mocked:
        mocked.post(re.compile(URL), body=broken)
        with pytest.raises(RuntimeError, match="Overloaded"):
            run_python(program, program.source(URL), "apc_key")


# --- Every language ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_holds_no_key_and_parses(program: Program) -> None:
    source = program.source(URL)

    assert KEY_VARIABLE in source
    assert "YOUR_" not in source
    assert f"{URL}/api/proxy/v1/{program.provider}" in source
    # Whether each language's own compiler takes it is looked at where it is installed: test_compiled_programs.py.
    root = SgRoot(source, program.kind.language).root()
    assert not root.find_all(kind="ERROR"), source
