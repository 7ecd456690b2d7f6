"""HTTP/1.1 between client and proxy: connections kept for many calls, chunked bodies, HTTP/1.0, Expect, pipelining."""

import json

import pytest

from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import CHAT, MESSAGES, Caller, Connection, chat, message
from tests.proxy.records import Records


def send(proxy: Caller, connection: Connection, path: str, body: bytes, **headers: str | None) -> None:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.send("POST", proxy.target(path), proxy.headers(path, given, body), body)


def test_one_connection_serves_many_calls(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    with proxy.connect() as connection:
        for path, body in ((CHAT, chat()), (MESSAGES, message(stream=True)), (CHAT, chat(stream=True))) * 3:
            send(proxy, connection, path, body)
            assert connection.reply().status == 200
    assert len(records.all()) == 9
    assert len({seen.connection for seen in provider.log}) <= 2, "the proxy keeps its own connections as well"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"authorization": None}, chat(), 401),
        ({"x_provider_key": None}, chat(), 401),
        ({"content_type": "text/plain"}, chat(), 400),
        ({}, b"{", 400),
        ({"x_fake_scenario": "bad-request"}, chat(), 400),
        ({"x_fake_scenario": "unauthorized"}, chat(), 502),
        ({"x_fake_scenario": "reset-before-headers"}, chat(), 502),
        ({"x_fake_scenario": "overloaded"}, chat(), 529),
    ],
)
def test_a_connection_goes_on_after_an_error(
    proxy: Caller, headers: dict[str, str | None], body: bytes, status: int
) -> None:
    with proxy.connect() as connection:
        for _ in range(2):
            send(proxy, connection, CHAT, body, **headers)
            assert connection.reply().status == status
            send(proxy, connection, CHAT, chat())
            assert connection.reply().status == 200


def test_a_refused_upload_does_not_become_the_next_request(proxy: Caller, provider: FakeProvider) -> None:
    """The refusal comes before the body was read; what still arrives of it is no call."""
    smuggled = b"POST /api/proxy/v1/openai/batches HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    with proxy.connect() as connection:
        send(proxy, connection, "openai/files", smuggled, authorization=None, content_type="application/octet-stream")
        assert connection.reply().status == 401
        send(proxy, connection, CHAT, chat())
        assert connection.reply().status == 200
    assert [seen.target for seen in provider.log] == ["/openai/v1/chat/completions"]


def test_pipelined_requests_are_answered_in_order(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    with proxy.connect() as connection:
        for model in ("gpt-4o", "gpt-4o-mini", "gpt-4.1"):
            send(proxy, connection, CHAT, chat(model=model))
        raw = b""
        while raw.count(b'"service_tier"') < 3:
            raw += connection.socket.recv(65536)
    models = [line.split(b'"')[3].decode() for line in raw.splitlines() if b'"model"' in line]
    assert models == ["gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "gpt-4.1-2025-04-14"]
    assert len(records.all()) == 3


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_chunked_request_is_put_together(proxy: Caller, provider: FakeProvider, records: Records, size: int) -> None:
    body = chat(_aipromptcost={"prompt_key": "greeting"})
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    framed = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    with proxy.connect() as connection:
        given = {"content-length": None, "transfer-encoding": "chunked"}
        connection.send("POST", proxy.target(CHAT), proxy.headers(CHAT, given, body), framed)
        reply = connection.reply()
    assert reply.status == 200
    (seen,) = provider.log
    assert seen.json() == json.loads(chat())
    assert seen.header("transfer-encoding") == ""
    assert seen.header("content-length") == str(len(seen.body))
    assert records.of(reply.call_id).prompt_key == "greeting"


def test_a_client_that_asks_first_is_told_to_go_on(proxy: Caller, provider: FakeProvider) -> None:
    body = chat()
    with proxy.connect() as connection:
        headers = proxy.headers(CHAT, {"expect": "100-continue"}, body)
        connection.send("POST", proxy.target(CHAT), headers)
        assert connection.socket.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.socket.sendall(body)
        assert connection.reply().status == 200
    assert provider.log[0].header("expect") == ""


def test_a_client_that_asks_first_may_be_refused_before_it_sends(proxy: Caller, provider: FakeProvider) -> None:
    with proxy.connect() as connection:
        given = {"expect": "100-continue", "authorization": None}
        connection.send("POST", proxy.target(CHAT), proxy.headers(CHAT, given, chat()))
        assert connection.reply().status == 401
    assert provider.log == []


def test_what_follows_a_refusal_before_the_body_was_sent_is_no_request(proxy: Caller, provider: FakeProvider) -> None:
    """Whether the body still comes is up to the client: with the connection's end nobody can take it for a request."""
    with proxy.connect() as connection:
        given = {"expect": "100-continue", "authorization": None}
        connection.send("POST", proxy.target(CHAT), proxy.headers(CHAT, given, chat()))
        reply = connection.reply()
        assert (reply.status, reply.header("connection")) == (401, "close")
        assert connection.socket.recv(1) == b""


def test_trailers_of_a_request_are_no_headers(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    for path, kind, body in ((CHAT, "application/json", chat()), ("openai/files", "audio/wav", b"w" * 9)):
        framed = b"%x\r\n%b\r\n0\r\nX-Late: 1\r\nX-Aipc-Prompt-Key: late\r\n\r\n" % (len(body), body)
        with proxy.connect() as connection:
            given = {"content-length": None, "transfer-encoding": "chunked", "trailer": "x-late", "content-type": kind}
            connection.send("POST", proxy.target(path), proxy.headers(path, given, body), framed)
            reply = connection.reply()
        seen = provider.log[-1]
        assert seen.body == body
        assert (seen.header("x-late"), seen.header("trailer")) == ("", "")
        assert records.of(reply.call_id).prompt_key == ""


def test_an_offer_of_another_protocol_is_passed_over(proxy: Caller, provider: FakeProvider) -> None:
    """As Java's HttpClient and curl make it, for HTTP/2 (RFC 9110, section 7.8: a server may ignore it)."""
    offer: dict[str, str | None]
    offer = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAMAAABkAAQCAAAAAAIAAAAA"}
    body = chat()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with proxy.connect() as connection:
        for given, framed in (
            (offer, body),
            (offer | {"content-length": None, "transfer-encoding": "chunked"}, chunked),
            (offer, body),
            ({}, body),
        ):
            headers = proxy.headers(CHAT, given, body)
            connection.send("POST", proxy.target(CHAT), headers)
            connection.socket.sendall(framed)
            assert connection.reply().status == 200
        connection.send("GET", proxy.target("openai/models"), proxy.headers("openai", offer, None))
        assert connection.reply("GET").status == 200
    assert [seen.body for seen in provider.log] == [body] * 4 + [b""]
    assert {(seen.header("upgrade"), seen.header("http2-settings")) for seen in provider.log} == {("", "")}


def test_clients_that_leave_end_the_first_of_their_pipelined_calls_too(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    provider.script("silent")
    with proxy.connect() as connection:
        send(proxy, connection, CHAT, chat())
        send(proxy, connection, CHAT, chat())
        provider.wait_for(1)
    assert records.only().error_code == "client_disconnected"
    assert len(provider.log) == 1


@pytest.mark.parametrize(
    ("path", "body"), [(CHAT, chat(stream=True)), (MESSAGES, message(stream=True)), ("openai/models", None)]
)
def test_http_1_0_gets_a_stream_up_to_the_end_of_the_connection(
    proxy: Caller, provider: FakeProvider, records: Records, path: str, body: bytes | None
) -> None:
    """No chunks: HTTP/1.0 does not know them (RFC 9112, section 6.1)."""
    provider.always(Scenario(framing="chunked"))
    method = "GET" if body is None else "POST"
    whole = proxy.call(method, path, body).body
    with proxy.connect() as connection:
        lines = [f"{name}: {value}" for name, value in proxy.headers(path, {"connection": "keep-alive"}, body)]
        head = "\r\n".join([f"{method} {proxy.target(path)} HTTP/1.0", *lines, "", ""])
        connection.socket.sendall(head.encode() + (body or b""))
        answered = b""
        while part := connection.socket.recv(65536):
            answered += part
    answer_head, _, answer = answered.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in answer_head
    assert b"connection: close" in answer_head
    assert len(answer) == len(whole)
    assert b"\r\n" not in answer
    assert len(records.all()) == 2


def test_http_1_0_gets_the_length_of_an_answer_that_has_one(proxy: Caller, records: Records) -> None:
    with proxy.connect() as connection:
        lines = [f"{name}: {value}" for name, value in proxy.headers(CHAT, {}, chat())]
        connection.socket.sendall(
            "\r\n".join([f"POST {proxy.target(CHAT)} HTTP/1.0", *lines, "", ""]).encode() + chat()
        )
        reply = connection.reply()
        assert connection.socket.recv(1) == b""
    assert (reply.status, reply.header("connection")) == (200, "close")
    assert reply.header("content-length") == str(len(reply.body))
    assert records.of(reply.call_id).usage_source == "provider"
