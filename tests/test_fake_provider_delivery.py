"""The fake provider itself: how its answers travel, where scenarios come from, and what its log says."""

import http.client
import json
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import requests

from tests.fake_provider import NAMED, FakeProvider, Scenario, as_text, parse
from tests.raw_calls import CHAT, HELLO, events_of, post, raw_post


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


@pytest.fixture
def gpt(provider: FakeProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="sk-test", base_url=provider.openai_url, max_retries=0, timeout=60) as client:
        yield client


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
            session.post(f"{provider.openai_url}/chat/completions", json=CHAT, timeout=60).raise_for_status()
    assert len({exchange.connection for exchange in provider.wait_for(3)}) == 1
    provider.script("hangs-up")
    assert post(provider, CHAT).headers["connection"] == "keep-alive"


def test_chunked_and_expectant_request_bodies_are_read(provider: FakeProvider) -> None:
    body = json.dumps(CHAT).encode()
    url, headers = f"{provider.openai_url}/chat/completions", {"Authorization": "Bearer sk-test"}
    assert requests.post(url, data=iter([body[:9], body[9:]]), headers=headers, timeout=60).status_code == 200
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
        requests.post(f"{url}/__script", json=[{"status": 500}, {"encoding": "gzip"}], timeout=60).raise_for_status()
        key = {"Authorization": "Bearer sk-test"}
        replies = [
            requests.post(f"{url}/openai/v1/chat/completions", json=CHAT, headers=key, timeout=60) for _ in range(2)
        ]
        assert [reply.status_code for reply in replies] == [500, 200]
        served = requests.get(f"{url}/__log", timeout=60)
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
