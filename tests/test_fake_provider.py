"""The fake provider itself: what the official SDKs read from it, how it breaks on demand, and what its log says."""

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import requests

from tests.fake_provider import NAMED, FakeProvider, Scenario, ToolCall, as_text, parse

HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]
CHAT = {"model": "gpt-4o", "messages": HELLO}
USAGE_WANTED: Any = {"include_usage": True}


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


@pytest.fixture
def gpt(provider: FakeProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="sk-test", base_url=provider.openai_url, max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def claude(provider: FakeProvider) -> Iterator[anthropic.Anthropic]:
    url = provider.anthropic_url.removesuffix("/v1")
    with anthropic.Anthropic(api_key="sk-ant-test", base_url=url, max_retries=0, timeout=10) as client:
        yield client


def post(
    provider: FakeProvider, body: dict[str, Any], scenario: str = "", *, headers: dict[str, str] | None = None
) -> requests.Response:
    """A raw call to OpenAI's side."""
    extra = {"x-fake-scenario": scenario} if scenario else {}
    return requests.post(
        f"{provider.openai_url}/chat/completions",
        json=body,
        headers={"Authorization": "Bearer sk-test"} | extra | (headers or {}),
        timeout=10,
        allow_redirects=False,
    )


@contextlib.contextmanager
def raw_post(
    provider: FakeProvider, body: dict[str, Any], scenario: str, headers: dict[str, str] | None = None
) -> Iterator[http.client.HTTPResponse]:
    """The same with an answer that can be read write by write."""
    all_headers = {"Authorization": "Bearer sk-test", "x-fake-scenario": scenario} | (headers or {})
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", provider.port, timeout=10)) as connection:
        connection.request("POST", "/openai/v1/chat/completions", json.dumps(body), all_headers)
        yield connection.getresponse()


def events_of(text: str) -> list[dict[str, Any]]:
    """The JSON of every event of a stream but `[DONE]`."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


# --- OpenAI ---


def test_a_chat_answer_counts_tokens_by_the_documented_rule(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    answer = gpt.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert answer.usage is not None
    # 3, 4 for the message, 2 for its 6 characters; the answer has 16 + 9 words.
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (9, 25, 34)
    assert answer.model == "gpt-4o-2024-08-06"
    (exchange,) = provider.wait_for(1, outcome="completed")
    assert exchange.usage is not None
    assert exchange.usage["completion_tokens"] == 25
    assert exchange.id == answer.id


def test_a_chat_stream_says_the_same_as_the_json_answer(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(model="gpt-4o", messages=HELLO)
    chunks = list(gpt.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True, stream_options=USAGE_WANTED))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == answer.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage == answer.usage


def test_a_stream_without_include_usage_carries_no_usage_member_at_all(provider: FakeProvider) -> None:
    reply = post(provider, CHAT | {"stream": True})
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.text.endswith("data: [DONE]\n\n")
    chunks = events_of(reply.text)
    assert all("usage" not in chunk and "obfuscation" in chunk for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_a_stream_with_include_usage_carries_null_in_every_chunk_but_the_last(provider: FakeProvider) -> None:
    options = {"include_usage": True, "include_obfuscation": False}
    chunks = events_of(post(provider, CHAT | {"stream": True, "stream_options": options}).text)
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 34
    assert not any("obfuscation" in chunk for chunk in chunks)


def test_max_tokens_ends_the_answer_with_length(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(model="gpt-4o", messages=HELLO, max_tokens=5)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5


def test_tool_calls_come_whole_and_in_pieces(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    provider.script("two-tools", "two-tools")
    calls = gpt.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0].message.tool_calls
    assert calls is not None
    whole = [call.function.arguments for call in calls if call.type == "function"]
    pieces = ["", ""]
    for chunk in gpt.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True):
        for part in chunk.choices[0].delta.tool_calls or []:
            assert part.function is not None
            pieces[part.index] += part.function.arguments or ""
    assert whole == pieces
    assert json.loads(whole[0])["usage"]["prompt_tokens"] == 999999


def test_a_refusal_is_told_apart_from_content(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    provider.script("refusal", "refusal")
    message = gpt.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0].message
    chunks = gpt.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
    assert message.content is None
    assert "".join(chunk.choices[0].delta.refusal or "" for chunk in chunks) == message.refusal


def test_scripted_tokens_are_reported_in_every_detail(gpt: openai.OpenAI, provider: FakeProvider) -> None:
    provider.script(
        Scenario(
            prompt_tokens=2000,
            cached_tokens=1024,
            cache_write_tokens=300,
            audio_input_tokens=80,
            output_tokens=500,
            reasoning_tokens=320,
            audio_output_tokens=60,
            service_tier="flex",
        )
    )
    answer = gpt.chat.completions.create(model="gpt-5", messages=HELLO)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.completion_tokens_details is not None
    prompt, completion = answer.usage.prompt_tokens_details, answer.usage.completion_tokens_details
    assert (prompt.cached_tokens, prompt.cache_write_tokens, prompt.audio_tokens) == (1024, 300, 80)
    assert (completion.reasoning_tokens, completion.audio_tokens) == (320, 60)
    assert (answer.usage.total_tokens, answer.service_tier) == (2500, "flex")


def test_embeddings_and_models_answer(gpt: openai.OpenAI) -> None:
    assert gpt.embeddings.create(model="text-embedding-3-small", input="Hello there").usage.prompt_tokens == 3
    assert "gpt-4o" in [model.id for model in gpt.models.list()]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"messages": HELLO}, 400, "model"),
        ({"model": "gpt-4o"}, 400, "messages"),
        (CHAT | {"_aipromptcost": {"prompt_key": "x"}}, 400, "_aipromptcost"),
        (CHAT | {"stream_options": USAGE_WANTED}, 400, "stream_options"),
        (CHAT | {"model": "no-such-model-5"}, 404, None),
    ],
)
def test_openai_refuses_what_it_refuses_in_life(
    provider: FakeProvider, body: dict[str, Any], status: int, param: str | None
) -> None:
    reply = post(provider, body)
    assert reply.status_code == status
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    assert reply.json()["error"]["param"] == param


def test_each_error_raises_the_sdks_own_exception(provider: FakeProvider, gpt: openai.OpenAI) -> None:
    expected: dict[str, type[openai.APIStatusError]] = {
        "bad-request": openai.BadRequestError,
        "unauthorized": openai.AuthenticationError,
        "rate-limited": openai.RateLimitError,
        "server-error": openai.InternalServerError,
    }
    provider.script(*expected)
    for kind in expected.values():
        with pytest.raises(kind) as raised:
            gpt.chat.completions.create(model="gpt-4o", messages=HELLO)
        assert raised.value.response.headers["x-request-id"].startswith("req_")
        if kind is openai.RateLimitError:
            assert raised.value.response.headers["retry-after"] == "2"


def test_a_wrong_key_is_refused_with_invalid_api_key(provider: FakeProvider) -> None:
    reply = post(provider, CHAT, headers={"Authorization": "Bearer sk-invalid-0001"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")


# --- Anthropic ---


def test_a_message_streams_what_it_says_in_json(claude: anthropic.Anthropic) -> None:
    answer = claude.messages.create(model="claude-haiku-4-5", max_tokens=100, messages=HELLO)
    with claude.messages.stream(model="claude-haiku-4-5", max_tokens=100, messages=HELLO) as stream:
        streamed = stream.get_final_message()
    assert answer.model == "claude-haiku-4-5-20251001"
    assert streamed.content[0].model_dump() == answer.content[0].model_dump()
    assert (streamed.usage.input_tokens, streamed.usage.output_tokens) == (9, 25)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (9, 25)


def test_a_message_stream_has_the_documented_events_in_order(provider: FakeProvider, claude: Any) -> None:
    provider.script(Scenario(prompt_tokens=2100, cached_tokens=9000, cache_write_5m_tokens=1031, thinking="Hm."))
    events = list(claude.messages.create(model="claude-haiku-4-5", max_tokens=3, messages=HELLO, stream=True))
    kinds = [event.type for event in events]
    assert kinds == [
        "message_start",
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_delta"),
        *("content_block_delta", "content_block_stop", "message_delta", "message_stop"),
    ]  # The SDK keeps `ping` to itself.
    start = events[0].message.usage
    assert (start.input_tokens, start.cache_read_input_tokens, start.output_tokens) == (2100, 9000, 1)
    assert start.cache_creation.ephemeral_5m_input_tokens == 1031
    delta = events[-2].usage
    assert (delta.input_tokens, delta.cache_creation_input_tokens, delta.output_tokens) == (2100, 1031, 3)
    assert events[-2].delta.stop_reason == "max_tokens"


def test_tool_inputs_come_byte_for_byte_with_their_usage_lookalikes(provider: FakeProvider, claude: Any) -> None:
    given = ToolCall("odd", '{"usage": {"input_tokens": 7, "n": 9007199254740993}, "text": "\\u00e9 \\"x\\""}')
    provider.script(Scenario(tools=(given,)), Scenario(tools=(given,)))
    raw = claude.messages.with_raw_response.create(model="claude-haiku-4-5", max_tokens=9, messages=HELLO)
    assert f'"input":{given.arguments}' in raw.text()
    with claude.messages.stream(model="claude-haiku-4-5", max_tokens=9, messages=HELLO) as stream:
        message = stream.get_final_message()
    assert message.content[0].input == json.loads(given.arguments)
    assert message.stop_reason == "tool_use"


def test_web_searches_count_in_the_final_usage_only(provider: FakeProvider, claude: Any) -> None:
    provider.script("web-search")
    events = list(claude.messages.create(model="claude-haiku-4-5", max_tokens=99, messages=HELLO, stream=True))
    assert events[0].message.usage.server_tool_use is None
    assert events[0].message.usage.input_tokens == 1200
    assert events[-2].usage.server_tool_use.web_search_requests == 2
    assert events[-2].usage.input_tokens == 2400


@pytest.mark.parametrize(
    ("scenario", "status", "kind"),
    [
        ("bad-request", 400, "invalid_request_error"),
        ("unauthorized", 401, "authentication_error"),
        ("not-found", 404, "not_found_error"),
        ("rate-limited", 429, "rate_limit_error"),
        ("server-error", 500, "api_error"),
        ("overloaded", 529, "overloaded_error"),
    ],
)
def test_anthropic_errors_have_their_shape(
    provider: FakeProvider, claude: anthropic.Anthropic, scenario: str, status: int, kind: str
) -> None:
    provider.script(scenario)
    with pytest.raises(anthropic.APIStatusError) as raised:
        claude.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=HELLO)
    assert raised.value.status_code == status
    body: Any = raised.value.body
    assert body["type"] == "error"
    assert body["error"]["type"] == kind
    assert raised.value.response.headers["request-id"].startswith("req_")


def test_an_error_in_mid_stream_ends_the_stream_inside_a_200(provider: FakeProvider, claude: Any) -> None:
    provider.script("error-event")
    stream = claude.messages.create(model="claude-haiku-4-5", max_tokens=99, messages=HELLO, stream=True)
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(stream)


def test_anthropic_takes_one_credential_only(provider: FakeProvider) -> None:
    both = {"x-api-key": "sk-ant-1", "Authorization": "Bearer sk-ant-1", "anthropic-version": "2023-06-01"}
    body = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": HELLO}
    assert requests.post(f"{provider.anthropic_url}/messages", json=body, headers=both, timeout=10).status_code == 400


# --- How answers travel ---


def test_compression_is_used_when_the_client_accepts_it(provider: FakeProvider) -> None:
    plain = post(provider, CHAT | {"stream": True}, headers={"accept-encoding": "identity"})
    packed = post(provider, CHAT | {"stream": True}, "gzip", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert len(events_of(packed.text)) == len(events_of(plain.text))
    refused = post(provider, CHAT, "gzip", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in refused.headers


def test_framing_follows_the_scenario(provider: FakeProvider) -> None:
    assert post(provider, CHAT).headers["content-length"]
    assert post(provider, CHAT, "chunked").headers["transfer-encoding"] == "chunked"
    closing = post(provider, CHAT, "close")
    assert closing.headers["connection"] == "close"
    assert closing.json()["usage"]["total_tokens"] == 34


def test_a_stream_can_be_split_anywhere(provider: FakeProvider) -> None:
    with raw_post(provider, CHAT | {"stream": True}, "split_at=7:20") as reply:
        assert reply.read1() == b"data: {"
        assert reply.read1() == b'"id":"chatcmp'
    assert len(events_of(post(provider, CHAT | {"stream": True}, "bytewise").text)) == 27


@pytest.mark.parametrize("scenario", ["reset", "early-eof", "reset-before-headers", "eof-before-headers"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_cut_breaks_the_answer_and_the_log_says_so(provider: FakeProvider, scenario: str, is_stream: bool) -> None:
    with pytest.raises(requests.RequestException):
        post(provider, CHAT | {"stream": is_stream}, scenario)
    provider.wait_for(1, outcome="cut")
    assert provider.completed == []


def test_a_reset_is_a_reset_and_an_early_end_an_end(provider: FakeProvider) -> None:
    with raw_post(provider, CHAT | {"stream": True}, "reset, framing=close") as reply, pytest.raises(ConnectionError):
        reply.read()
    with raw_post(provider, CHAT | {"stream": True}, "early-eof, framing=close") as reply:
        assert reply.read().endswith(b"\n\n")


def test_a_clean_early_end_without_framing_looks_like_a_whole_answer(provider: FakeProvider) -> None:
    reply = post(provider, CHAT | {"stream": True}, "early-eof, close")
    assert "[DONE]" not in reply.text
    assert events_of(reply.text)


@pytest.mark.parametrize("scenario", ["silent", "silent-after-headers", "silent-mid-body"])
def test_silence_lasts_until_the_test_ends_it(provider: FakeProvider, scenario: str) -> None:
    replies: list[requests.Response] = []
    caller = threading.Thread(target=lambda: replies.append(post(provider, CHAT | {"stream": True}, scenario)))
    caller.start()
    provider.wait_for(1, outcome="running")
    assert provider.completed == []
    provider.release()
    caller.join()
    assert replies[0].text.endswith("[DONE]\n\n")


def test_a_client_that_goes_is_noticed_at_once(provider: FakeProvider) -> None:
    body = json.dumps(CHAT | {"stream": True}).encode()
    head = (
        f"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-test\r\n"
        f"x-fake-scenario: silent-mid-body\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", provider.port), 10) as client:
        client.sendall(head.encode() + body)
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
    provider.wait_for(1, outcome="client-gone")


@pytest.mark.parametrize("scenario", ["garbage", "garbage-chunk"])
def test_garbage_is_no_http(provider: FakeProvider, scenario: str) -> None:
    with pytest.raises((http.client.HTTPException, ValueError)), raw_post(provider, CHAT, scenario) as reply:
        reply.read()


def test_garbage_may_also_come_inside_good_http(provider: FakeProvider) -> None:
    assert post(provider, CHAT, "html").text.startswith("<html>")
    reply = post(provider, CHAT | {"stream": True}, "garbage-event")
    with pytest.raises(json.JSONDecodeError):
        events_of(reply.text)


def test_redirects_and_huge_answers(provider: FakeProvider) -> None:
    moved = post(provider, CHAT, "redirect")
    assert (moved.status_code, moved.headers["location"]) == (307, "http://127.0.0.1:9/elsewhere")
    assert len(post(provider, CHAT, "huge").content) > 4_000_000


def test_early_hints_come_before_the_answer(provider: FakeProvider, gpt: openai.OpenAI) -> None:
    provider.script("informational")
    assert gpt.chat.completions.create(model="gpt-4o", messages=HELLO).usage is not None
    with raw_post(provider, CHAT, "informational") as reply:
        assert reply.status == 103  # http.client takes the first status for the answer's.


def test_a_connection_is_kept_unless_it_hangs_up(provider: FakeProvider) -> None:
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer sk-test"
        for _ in range(3):
            session.post(f"{provider.openai_url}/chat/completions", json=CHAT, timeout=10).raise_for_status()
    assert len({exchange.connection for exchange in provider.wait_for(3)}) == 1
    provider.script("hangs-up")
    assert post(provider, CHAT).headers["connection"] == "keep-alive"


def test_chunked_and_expectant_request_bodies_are_read(provider: FakeProvider) -> None:
    body = json.dumps(CHAT).encode()
    url, headers = f"{provider.openai_url}/chat/completions", {"Authorization": "Bearer sk-test"}
    assert requests.post(url, data=iter([body[:9], body[9:]]), headers=headers, timeout=10).status_code == 200
    head = (
        f"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        f"Authorization: Bearer sk-test\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", provider.port), 10) as client:
        client.sendall(head.encode())
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK")


# --- Scenarios and the log ---


def test_a_scenario_comes_from_script_header_model_or_always_in_this_order(provider: FakeProvider) -> None:
    provider.always(lambda request: NAMED["server-error"] if b"gpt-4o" in request.body else None)
    provider.script("overloaded")
    assert post(provider, CHAT, "rate-limited").status_code == 529
    assert post(provider, CHAT | {"model": "gpt-4o@forbidden"}, "rate-limited").status_code == 429
    assert post(provider, CHAT | {"model": "gpt-4o@forbidden"}).status_code == 403
    assert post(provider, CHAT).status_code == 500
    assert post(provider, CHAT | {"model": "gpt-5"}).status_code == 200


def test_a_scenario_reads_back_from_its_text() -> None:
    scenario = Scenario(text="größer", tools=NAMED["tools"].tools, split_at=(1, 2), usage={"x": 1})
    assert parse(as_text(scenario)) == scenario
    assert parse("gzip, cached_tokens=12, hangs_up=true") == Scenario(encoding="gzip", cached_tokens=12, hangs_up=True)
    for wrong in ("no-such", "no_such=1", '{"no_such": 1}'):
        with pytest.raises(ValueError, match=r"no.such"):
            parse(wrong)


def test_the_log_keeps_every_byte_that_came(provider: FakeProvider) -> None:
    with socket.create_connection(("127.0.0.1", provider.port), 10) as client:
        client.sendall(
            b"POST /openai/v1//odd%2Fpath?beta=true&x=%20 HTTP/1.1\r\nHost: x\r\nX-Twice: a\r\nx-twice:  b \r\n"
            b"Content-Length: 3\r\n\r\n\xff\x00{"
        )
        provider.wait_for(1, outcome="completed")
    (exchange,) = provider.log
    assert (exchange.method, exchange.target) == ("POST", "/openai/v1//odd%2Fpath?beta=true&x=%20")
    assert exchange.headers == [("Host", "x"), ("X-Twice", "a"), ("x-twice", "b"), ("Content-Length", "3")]
    assert exchange.all_headers("x-twice") == ["a", "b"]
    assert exchange.body == b"\xff\x00{"


def test_as_a_program_it_is_scripted_over_http_and_its_log_outlives_it(tmp_path: Path) -> None:
    log_file = tmp_path / "log.jsonl"
    command = [sys.executable, "-m", "tests.fake_provider", "--log", str(log_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        url = program.stdout.readline().split()[-1]
        requests.post(f"{url}/__script", json=[{"status": 500}, {"encoding": "gzip"}], timeout=10).raise_for_status()
        key = {"Authorization": "Bearer sk-test"}
        replies = [
            requests.post(f"{url}/openai/v1/chat/completions", json=CHAT, headers=key, timeout=10) for _ in range(2)
        ]
        assert [reply.status_code for reply in replies] == [500, 200]
        served = requests.get(f"{url}/__log", timeout=10)
        program.terminate()
    assert program.returncode == 0
    lines = [json.loads(line) for line in log_file.read_bytes().splitlines()]
    assert lines == [json.loads(line) for line in served.content.splitlines()]
    assert [line["outcome"] for line in lines] == ["completed", "completed"]
    assert lines[1]["usage"]["prompt_tokens"] == 9
    assert lines[1]["request_id"] == replies[1].headers["x-request-id"]
    assert json.loads(lines[1]["body"]) == CHAT


def test_a_compressed_event_can_be_read_as_soon_as_its_bytes_are_there(provider: FakeProvider) -> None:
    scenario = "gzip, hold_at=mid-body, at_event=2"
    with raw_post(provider, CHAT | {"stream": True}, scenario, {"Accept-Encoding": "gzip"}) as reply:
        unpacker = zlib.decompressobj(wbits=31)
        text = unpacker.decompress(reply.read1()) + unpacker.decompress(reply.read1())
        assert text.count(b"data: {") == 2
        assert text.endswith(b"\n\n")
        provider.release()
        assert (text + unpacker.decompress(reply.read())).endswith(b"data: [DONE]\n\n")
