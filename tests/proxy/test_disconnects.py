"""Clients that leave or stop reading: the provider's work is stopped, and what was used is on the record."""

from collections.abc import Iterator

import pytest

from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import CHAT, MESSAGES, Caller, Connection, chat, message, read_until
from tests.proxy.conftest import Serve
from tests.proxy.records import Records
from tests.servers import ProxyServer, wait_until

HUGE = 32 * 1024 * 1024  # more than all socket buffers on the way hold


def body_for(path: str, **members: object) -> bytes:
    return message(**members) if path == MESSAGES else chat(**members)


def leave(connection: Connection, how: str) -> None:
    if how == "reset":
        connection.reset()
    else:
        connection.close()


both_providers = pytest.mark.parametrize("path", [CHAT, MESSAGES])
both_ways = pytest.mark.parametrize("how", ["close", "reset"])


@both_providers
@both_ways
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_client_that_leaves_before_the_headers_stops_the_provider(
    proxy: Caller, provider: FakeProvider, records: Records, path: str, how: str, is_stream: bool
) -> None:
    provider.script("silent")
    with proxy.sent("POST", path, body_for(path, stream=is_stream)) as connection:
        provider.wait_for(1)
        leave(connection, how)
        provider.wait_for(1, outcome="client-gone")
    record = records.only()
    assert (record.status, record.error_code, record.is_error) == (0, "client_disconnected", False)
    # The provider has seen the request, and may bill its input.
    assert (record.usage_source, record.usage.input > 0, record.usage.output) == ("estimated", True, 0)


@both_ways
def test_a_client_that_leaves_in_mid_stream_is_billed_for_what_had_come(
    proxy: Caller, provider: FakeProvider, records: Records, how: str
) -> None:
    """Anthropic told the input in `message_start`; of the output, the text that had come stands in."""
    provider.script(Scenario(hold_at="mid-body", at_event=12, prompt_tokens=500, cached_tokens=40))
    with proxy.sent("POST", MESSAGES, message(stream=True)) as connection:
        read_until(connection.receive(), b"text_delta")
        leave(connection, how)
        provider.wait_for(1, outcome="client-gone")
    record = records.only()
    assert (record.status, record.error_code, record.is_error) == (200, "client_disconnected", False)
    assert (record.usage_source, record.usage.input, record.usage.cache_read) == ("estimated", 500, 40)
    assert 0 < record.usage.output < 25
    assert record.model == "claude-haiku-4-5-20251001"


@both_ways
def test_an_openai_client_that_leaves_in_mid_stream_is_estimated_from_the_text(
    proxy: Caller, provider: FakeProvider, records: Records, how: str
) -> None:
    asked = [{"role": "user", "content": "x" * 4000}]
    provider.script(Scenario(hold_at="mid-body", at_event=12))
    with proxy.sent("POST", CHAT, chat(stream=True, messages=asked)) as connection:
        read_until(connection.receive(), b'"content":" measure"')
        leave(connection, how)
        provider.wait_for(1, outcome="client-gone")
    record = records.only()
    assert (record.usage_source, record.usage.input) == ("estimated", 1001)
    assert 0 < record.usage.output < 25


@both_ways
def test_the_usage_is_still_read_after_a_client_left_at_the_finish_reason(
    proxy: Caller, provider: FakeProvider, records: Records, how: str
) -> None:
    events = 1 + 25 + 1  # the role, 25 words, the finish reason; then the usage
    provider.script(Scenario(hold_at="mid-body", at_event=events))
    with proxy.sent("POST", CHAT, chat(stream=True)) as connection:
        read_until(connection.receive(), b'"finish_reason":"stop"')
        leave(connection, how)
        # The provider goes on only when the proxy must have noticed: other calls that came later are answered.
        assert proxy.post(CHAT, chat(model="gpt-4.1-nano")).status == 200
        provider.release()
    wait_until(lambda: len(records.all()) == 2, "both records are in the journal")
    record = next(record for record in records.all() if record.streamed)
    assert (record.usage_source, record.usage.input, record.usage.output) == ("provider", 9, 25)
    assert record.finish_reason == "stop"


def test_the_wait_for_the_usage_has_an_end(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    provider.script(Scenario(hold_at="mid-body", at_event=27))
    with proxy.sent("POST", CHAT, chat(stream=True)) as connection:
        read_until(connection.receive(), b'"finish_reason":"stop"')
        connection.close()
        provider.wait_for(1, outcome="client-gone")
    record = records.only()
    assert (record.usage_source, record.error_code, record.finish_reason) == (
        "estimated",
        "client_disconnected",
        "stop",
    )


def test_a_client_that_leaves_after_the_whole_answer_is_no_disconnect(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    with proxy.sent("POST", MESSAGES, message(stream=True)) as connection:
        read_until(connection.receive(), b"message_stop")
        connection.reset()
    provider.wait_for(1, outcome="completed")
    assert (records.only().error_code, records.only().usage_source) == ("", "provider")


@both_ways
def test_a_client_that_leaves_in_mid_json_is_estimated(
    proxy: Caller, provider: FakeProvider, records: Records, how: str
) -> None:
    provider.script("silent-mid-body")
    with proxy.sent("POST", CHAT, chat()) as connection:
        assert connection.receive().read1(10)
        leave(connection, how)
        provider.wait_for(1, outcome="client-gone")
    assert (records.only().error_code, records.only().usage_source) == ("client_disconnected", "estimated")


@both_ways
@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_leaves_in_mid_request_causes_no_call(
    proxy: Caller, provider: FakeProvider, records: Records, how: str, chunked: bool
) -> None:
    length: dict[str, str | None] = {"content-length": "1000"}
    if chunked:
        length = {"content-length": None, "transfer-encoding": "chunked"}
    with proxy.connect() as connection:
        body = b"64\r\n" + b" " * 50 if chunked else b" " * 50
        connection.send("POST", proxy.target(CHAT), proxy.headers(CHAT, length, b""), body)
        leave(connection, how)
    assert proxy.post(CHAT, chat()).status == 200
    assert len(provider.log) == 1
    assert len(records.all()) == 1


@both_ways
def test_a_client_that_leaves_in_mid_upload_breaks_the_providers_request(
    proxy: Caller, provider: FakeProvider, records: Records, how: str
) -> None:
    with proxy.connect() as connection:
        given = {"content-type": "multipart/form-data; boundary=x", "content-length": "100000"}
        connection.send("POST", proxy.target("openai/files"), proxy.headers("openai/files", given, b""), b"x" * 60_000)
        leave(connection, how)
    record = records.only()
    assert (record.error_code, record.metering) == ("client_disconnected", "free")
    assert provider.log == []


# --- Clients that stay and do not read --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict_server(serve: Serve) -> Iterator[ProxyServer]:
    with serve({"CLIENT_STALL_TIMEOUT": "0.6"}) as server:
        yield server


@both_providers
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_client_that_reads_nothing_counts_as_gone(
    strict_server: ProxyServer, proxy: Caller, provider: FakeProvider, records: Records, path: str, is_stream: bool
) -> None:
    provider.script(Scenario(text_bytes=HUGE, prompt_tokens=500))
    strict = Caller(strict_server.port, proxy.platform_key)
    with strict.connect(receive_buffer=4096) as connection:
        body = body_for(path, stream=is_stream)
        connection.send("POST", strict.target(path), strict.headers(path, {}, body), body)
        provider.wait_for(1, outcome="client-gone")
        record = records.only()
    assert (record.status, record.error_code, record.is_error) == (200, "client_stalled", True)
    assert record.usage_source == "estimated"


def test_a_client_that_waits_for_a_slow_provider_has_not_stalled(
    strict_server: ProxyServer, proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    provider.script(Scenario(head_delay_ms=900), Scenario(hold_at="mid-body", at_event=3))
    strict = Caller(strict_server.port, proxy.platform_key)
    assert strict.post(CHAT, chat()).status == 200
    with strict.opened("POST", CHAT, chat(stream=True)) as answer:
        read_until(answer, b'"content":"The"')
        assert strict.post(CHAT, chat(), {"x-fake-scenario": "head_delay_ms=900"}).status == 200
        provider.release()
        assert answer.read().endswith(b"data: [DONE]\n\n")
    assert {record.error_code for record in records.all()} == {""}
