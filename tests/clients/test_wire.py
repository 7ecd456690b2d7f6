"""curl and raw sockets through the served proxy: how requests may be framed, and what a connection survives."""

import gzip
import json
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.clients import books
from tests.clients.stage import Call, Stage
from tests.documentation.served import Account
from tests.processes import wait_until

pytestmark = pytest.mark.clients
OPENAI, ANTHROPIC = "openai/chat/completions", "anthropic/v1/messages"
PROVIDER_KEYS = {"openai": "sk-openai-of-curl", "anthropic": "sk-ant-of-curl"}
HELLO = [{"role": "user", "content": "Grüezi!"}]
CHAT = json.dumps({"model": "gpt-4o", "messages": HELLO}, ensure_ascii=False)
STREAM = json.dumps({"model": "gpt-4o", "messages": HELLO, "stream": True}, ensure_ascii=False)
MESSAGE = json.dumps({"model": "claude-haiku-4-5", "max_tokens": 64, "messages": HELLO}, ensure_ascii=False)
BIG = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 3_000_000}]})
JSON = ("-H", "Content-Type: application/json")
CHUNKED = ("-H", "Transfer-Encoding: chunked")
FROM_STDIN = ("--data-binary", "@-")
CALL = "POST chat/completions"


@pytest.fixture(scope="module")
def account(stage: Stage) -> Account:
    return stage.served.new_account()


class Curl:
    """curl with both keys, and the test's name as the prompt key."""

    def __init__(self, stage: Stage, account: Account, name: str) -> None:
        self.stage, self.account, self.name = stage, account, name

    def options(self, path: str) -> list[str]:
        given = {
            "Authorization": f"Bearer {self.account.key}",
            "X-Provider-Key": PROVIDER_KEYS[path.split("/")[0]],
            "x-aipc-prompt-key": self.name,
            "x-aipc-tags": "curl",
        }
        return [part for key, value in given.items() for part in ("-H", f"{key}: {value}")]

    def run(self, *calls: tuple[str, Sequence[str]], given: bytes = b"") -> bytes:
        """One process for all calls, which may share a connection; the last body is what it prints."""
        command = ["curl", "--silent", "--show-error", "--max-time", "60"]
        for index, (path, options) in enumerate(calls):
            url = f"{self.stage.tap.url}/api/proxy/v1/{path}"
            command += [*(["--next", "--silent"] if index else []), *self.options(path), *options, url]
        done = subprocess.run(command, input=given, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def calls(self, *expected: str) -> list[Call]:
        """What was recorded: all of it unchanged on both sides, and booked as the provider says."""
        found = self.stage.calls(self.account, self.name)
        assert [f"{call.record['method']} {call.record['route']}" for call in found] == list(expected)
        for call in found:
            assert self.stage.differences(call) == []
            assert self.stage.misbookings(call) == []
            assert call.record["tags"] == ["curl"]
        return found


@pytest.fixture
def curl(stage: Stage, account: Account, request: pytest.FixtureRequest) -> Curl:
    return Curl(stage, account, re.sub(r"\W+", "-", request.node.name)[:100])


# --- curl -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="HTTP 1.1"),
        pytest.param(("--http1.0",), id="HTTP 1.0"),
        pytest.param(CHUNKED, id="chunked"),
        pytest.param((*CHUNKED, "-H", "Expect: 100-continue"), id="chunked, asking first"),
        pytest.param(("-H", "Expect: 100-continue"), id="asking first"),
        pytest.param(("--compressed", "-H", "x-fake-scenario: gzip"), id="gzip"),
        pytest.param(("--compressed", "-H", "x-fake-scenario: deflate"), id="deflate"),
        pytest.param(("--compressed", "-H", "x-fake-scenario: framing=close, split=7"), id="until the end"),
        pytest.param(("-H", "x-fake-scenario: crlf, bytewise"), id="CRLF"),
    ],
)
@pytest.mark.parametrize(
    ("path", "body"), [(OPENAI, CHAT), (OPENAI, STREAM), (ANTHROPIC, MESSAGE)], ids=["JSON", "stream", "message"]
)
def test_curl_gets_its_answer(curl: Curl, options: Sequence[str], path: str, body: str) -> None:
    said = curl.run((path, ("-d", body, *JSON, *options))).decode()
    assert "depends" in said
    curl.calls(CALL if path == OPENAI else "POST messages")


@pytest.mark.parametrize(
    "framing", [("-X", "POST", "-T", "-"), ("--data-binary", "@-"), ("--data-binary", "@-", *CHUNKED)]
)
def test_curl_sends_a_large_body(curl: Curl, framing: Sequence[str]) -> None:
    """More than curl sends before it is told to go on."""
    curl.run((OPENAI, (*JSON, *framing)), given=BIG.encode())
    (call,) = curl.calls(CALL)
    assert call.record["input_tokens"] == 750_007
    if "-T" in framing or CHUNKED[1] in framing:
        assert call.seen.request.framing == "chunked"


def test_curl_sends_a_compressed_body(curl: Curl) -> None:
    curl.run(
        (OPENAI, (*JSON, "-H", "Content-Encoding: gzip", "--data-binary", "@-")), given=gzip.compress(CHAT.encode())
    )
    (call,) = curl.calls(CALL)
    assert call.upstream is not None
    assert call.upstream.body == CHAT.encode()


@pytest.mark.parametrize("framing", [(), CHUNKED, ("-H", "Expect: 100-continue"), ("--http1.0",)])
def test_curl_uploads_and_downloads_every_byte(curl: Curl, tmp_path: Path, framing: Sequence[str]) -> None:
    content = bytes(range(256)) * 20_000
    (tmp_path / "every byte.bin").write_bytes(content)
    form = ("-F", "purpose=user_data", "-F", f"file=@{tmp_path}/every byte.bin", *framing)
    id_ = json.loads(curl.run(("openai/files", form)))["id"]
    assert curl.run((f"openai/files/{id_}/content", framing[:1] if "--http1.0" in framing else ())) == content
    assert curl.run((f"openai/files/{id_}/content", ("-r", "100-299"))) == content[100:300]
    head = curl.run((f"openai/files/{id_}", ("--head",)))
    assert head.startswith(b"HTTP/1.1 200 OK")
    curl.run((f"openai/files/{id_}", ("-X", "DELETE")))
    _, _, part, _, _ = curl.calls(
        "POST files", "GET files/{id}/content", "GET files/{id}/content", "HEAD files/{id}", "DELETE files/{id}"
    )
    assert part.record["status"] == 206


def test_curl_finds_compressed_batches_without_the_providers_address(stage: Stage, curl: Curl) -> None:
    asked = json.dumps({"requests": [{"custom_id": "a", "params": json.loads(MESSAGE)}]})
    id_ = json.loads(curl.run(("anthropic/v1/messages/batches", ("-d", asked, *JSON))))["id"]
    packed = ("--compressed", "-H", "x-fake-scenario: gzip")
    for _ in range(2):
        batch = json.loads(curl.run((f"anthropic/v1/messages/batches/{id_}", packed)))
    assert batch["results_url"] == f"{stage.tap.url}/api/proxy/v1/anthropic/v1/messages/batches/{id_}/results"
    curl.run((f"anthropic/v1/messages/batches/{id_}/results", packed))
    get = "GET messages/batches/{id}"
    curl.calls("POST messages/batches", get, get, f"{get}/results")


def test_curl_hears_and_sees_what_streams_of_other_routes_tell(curl: Curl, tmp_path: Path) -> None:
    """Events of speech, transcriptions and images, their lines ended by CRLF, and the tokens that they report."""
    (tmp_path / "talk.mp3").write_bytes(bytes(40_000))
    crlf = ("-H", "x-fake-scenario: crlf")
    spoken = json.dumps({"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello!", "stream_format": "sse"})
    drawn = json.dumps({"model": "gpt-image-1", "prompt": "A cat", "stream": True, "partial_images": 1})
    heard = ("-F", "model=gpt-4o-transcribe", "-F", "stream=true", "-F", f"file=@{tmp_path}/talk.mp3")
    edited = ("-F", "model=gpt-image-1", "-F", "prompt=A hat", "-F", "stream=true", "-F", f"image=@{tmp_path}/talk.mp3")
    assert b"speech.audio.done" in curl.run(("openai/audio/speech", ("-d", spoken, *JSON, *crlf)))
    assert b"transcript.text.done" in curl.run(("openai/audio/transcriptions", (*heard, *crlf)))
    assert b"image_generation.completed" in curl.run(("openai/images/generations", ("-d", drawn, *JSON, *crlf)))
    assert b"image_edit.completed" in curl.run(("openai/images/edits", (*edited, *crlf)))
    made = ("POST audio/speech", "POST audio/transcriptions", "POST images/generations", "POST images/edits")
    streamed = {call.record["route"]: call.record["is_streamed"] for call in curl.calls(*made)}
    assert all(streamed.values()), streamed


def test_results_that_are_not_fetched_whole_book_nothing(stage: Stage, curl: Curl, tmp_path: Path) -> None:
    """A glance at the results, or a piece of them, is not the end; and who fetches them twice pays once."""
    line = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {"model": "gpt-4.1", "input": "Hi"}}
    (tmp_path / "batch.jsonl").write_text(json.dumps(line))
    form = ("-F", "purpose=batch", "-F", f"file=@{tmp_path}/batch.jsonl")
    file = json.loads(curl.run(("openai/files", form)))["id"]
    asked = json.dumps({"input_file_id": file, "endpoint": "/v1/responses", "completion_window": "24h"})
    no_usage = ("-H", "x-fake-scenario: no-usage")  # in the batch's own object: its results alone tell it
    id_ = json.loads(curl.run(("openai/batches", ("-d", asked, *JSON, *no_usage))))["id"]
    for _ in range(2):
        batch = json.loads(curl.run((f"openai/batches/{id_}", ())))
    results = f"openai/files/{batch['output_file_id']}/content"
    curl.run((results, ("--head",)))
    curl.run((results, ("-r", "0-40")))

    calls = stage.calls(curl.account, curl.name)
    assert [call.record["cost_status"] for call in calls if call.record["route"] == "batches"] == ["pending"]

    for _ in range(2):
        curl.run((results, ()))
    get, fetched = "GET batches/{id}", "files/{id}/content"
    curl.calls(
        "POST files", "POST batches", get, get, f"HEAD {fetched}", f"GET {fetched}", f"GET {fetched}", f"GET {fetched}"
    )


def test_curl_goes_on_with_its_connection_after_errors(curl: Curl) -> None:
    """Of the provider and of ours."""
    given = ("-d", CHAT, *JSON)
    wrong = ((OPENAI, (*given, "-H", "x-fake-scenario: rate-limited")), (OPENAI, ("-d", "{", *JSON)))
    curl.run((OPENAI, given), wrong[0], (OPENAI, given))
    calls = curl.calls(CALL, CALL, CALL)
    assert [call.record["status"] for call in calls] == [200, 429, 200]
    assert len({call.seen.link for call in calls}) == 1


# --- Raw sockets ------------------------------------------------------------------------------------------------------


def raw(account: Account, name: str, body: str, *lines: str, path: str = OPENAI) -> bytes:
    sent = [
        f"POST /api/proxy/v1/{path} HTTP/1.1", "Host: proxy", f"Authorization: Bearer {account.key}",
        f"X-Provider-Key: {PROVIDER_KEYS[path.split('/')[0]]}", f"x-aipc-prompt-key: {name}", "x-aipc-tags: curl",
        "Content-Type: application/json", f"Content-Length: {len(body.encode())}", *lines,
    ]  # fmt: skip
    return "\r\n".join([*sent, "", body]).encode()


def exchange(stage: Stage, data: bytes, *, pieces: int = 1) -> bytes:
    """Send on one connection, in that many writes; all that comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", stage.tap.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        size = -(-len(data) // pieces)
        for start in range(0, len(data), size):
            connection.sendall(data[start : start + size])
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


def test_a_background_stream_that_its_client_leaves_is_booked_when_it_is_retrieved(stage: Stage, curl: Curl) -> None:
    body = json.dumps({"model": "gpt-4.1", "input": "Hi", "background": True, "stream": True})
    # However late we are: the stream is not over before we leave it.
    begun = raw(curl.account, curl.name, body, "x-fake-scenario: silent-mid-body", path="openai/responses")
    with socket.create_connection(("127.0.0.1", stage.tap.port), timeout=60) as connection:
        connection.sendall(begun)
        received = b""
        while b"response.output_item.added" not in received:
            received += connection.recv(65536)
    (id_,) = set(re.findall(rb'"id":"(resp_\w+)"', received))

    def made() -> list[Any]:
        return [one for one in stage.records(curl.account) if one["object_id"] == id_.decode()]

    wait_until(lambda: [one["cost_status"] for one in made()] == ["pending"], "it is booked as pending")
    for _ in range(2):
        curl.run((f"openai/responses/{id_.decode()}", ()))
    wait_until(lambda: [one["cost_status"] for one in made()] == ["priced"], "it is booked with its usage")
    (used,) = stage.served.provider.used(id_.decode())
    (record,) = made()
    assert books.buckets_of(record) == {name: used.usage[name] for name in ("input_tokens", "output_tokens")}
    assert (record["prompt_key"], record["tags"]) == (curl.name, ["curl"])


@pytest.mark.parametrize("pieces", [1, 97])
def test_pipelined_calls_are_answered_in_order(stage: Stage, curl: Curl, pieces: int) -> None:
    """Streams, JSON and an error; of both providers; the last one closes."""
    sent = [
        raw(curl.account, curl.name, STREAM),
        raw(curl.account, curl.name, MESSAGE, path=ANTHROPIC),
        raw(curl.account, curl.name, CHAT, "x-fake-scenario: overloaded"),
        raw(curl.account, curl.name, CHAT, "Connection: close"),
    ]
    received = exchange(stage, b"".join(sent), pieces=pieces)
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"200", b"529", b"200"]
    calls = curl.calls(CALL, "POST messages", CALL, CALL)
    assert len({call.seen.link for call in calls}) == 1


def test_a_connection_goes_on_after_every_refusal(stage: Stage, curl: Curl) -> None:
    """Each is followed by a call that works; none of them reaches the provider, and none is another's body."""
    good = raw(curl.account, curl.name, CHAT)
    refusals = {
        400: raw(curl.account, curl.name, "{"),
        401: raw(curl.account, curl.name, CHAT).replace(curl.account.key.encode(), b"apc_wrong"),
        404: raw(curl.account, curl.name, CHAT).replace(b"/v1/openai/", b"/v1/gemini/"),
        415: raw(curl.account, curl.name, CHAT, "Content-Encoding: br"),
    }
    data = b"".join(refusal + good for refusal in refusals.values()) + raw(
        curl.account, curl.name, CHAT, "Connection: close"
    )
    seen = len(stage.served.provider.log)
    received = exchange(stage, data)
    statuses = [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", received)]
    assert statuses == [status for refusal in refusals for status in (refusal, 200)] + [200]
    assert len(stage.served.provider.log) == seen + 5
