"""The results of a batch, read line by line while they pass; which answer gets which meter."""

import gzip
import tracemalloc

import pytest

from analytics.usage import TokenUsage
from proxy.meter import JsonMeter, LinesMeter, StreamMeter, UnreadMeter, meter_for
from proxy.providers import PROVIDERS
from proxy.providers.base import Asked, Header
from tests.proxy.samples.feeding import feed

OPENAI = PROVIDERS["openai"]
RESULTS = OPENAI.find_route("GET", "files/file-1/content")


def lines_meter(encoding: bytes = b"") -> LinesMeter:
    return LinesMeter(OPENAI.results_reader(RESULTS, Asked(object_id="file-1")), encoding)


def line(name: str, output: int, text: str = "") -> bytes:
    usage = f'{{"prompt_tokens": 10, "completion_tokens": {output}}}'
    body = f'{{"model": "gpt-4o", "choices": [], "x": "{text}", "usage": {usage}}}'
    return f'{{"id": "r", "custom_id": "{name}", "response": {{"status_code": 200, "body": {body}}}}}'.encode()


def usage_of(meter: LinesMeter) -> TokenUsage | None:
    return meter.reading.completion.usage if meter.reading.completion is not None else None


def sums(meter: LinesMeter) -> tuple[int, int] | None:
    usage = usage_of(meter)
    return (usage.input, usage.output) if usage is not None else None


@pytest.mark.parametrize("encoding", [b"", b"gzip"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n"])
@pytest.mark.parametrize("is_ended", [True, False])
def test_results_are_summed_up_at_any_cut(encoding: bytes, end: bytes, is_ended: bool) -> None:
    plain = end.join((line("a", 1, "\\n"), line("b", 2, "é"), line("c", 3))) + (end if is_ended else b"")
    sent = gzip.compress(plain) if encoding else plain
    for cut in range(len(sent) + 1):
        meter = lines_meter(encoding)
        assert feed(meter, sent[:cut], sent[cut:]) == sent
        assert sums(meter) == (30, 6), cut


def test_results_that_end_within_their_compression_complete_nothing() -> None:
    sent = gzip.compress(line("a", 1) + b"\n" + line("b", 2))
    meter = lines_meter(b"gzip")
    feed(meter, sent[:-5])
    assert meter.reading.completion is None


def test_nothing_is_complete_before_the_end() -> None:
    meter = lines_meter()
    meter.feed(line("a", 1) + b"\n" + line("b", 2) + b"\n")
    assert meter.reading.completion is None


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n", b"RIFF", b"[1, 2]", b'"custom_id"', b'{"messages": []}\n', b"{" + b" " * 70_000, b"\n \n<html>"],
)
def test_what_is_no_result_is_dismissed_by_its_start(content: bytes) -> None:
    meter = lines_meter()
    meter.feed(content)
    meter.feed(b"\n" + line("a", 1) + b"\n")
    meter.finish()
    assert meter.reading.completion is None
    tracemalloc.start()
    try:
        for _ in range(200):
            meter.feed(bytes(65_536))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000


def test_a_line_of_megabytes_is_read_and_a_longer_one_makes_the_sum_partial() -> None:
    for size, expected, is_partial in ((5_000_000, (30, 6), False), (17_000_000, (20, 4), True)):
        meter = lines_meter()
        sent = b"\n".join((line("a", 1), line("b", 2, "x" * size), line("c", 3)))
        tracemalloc.start()
        try:
            for start in range(0, len(sent), 65_536):
                meter.feed(sent[start : start + 65_536])
            meter.finish()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        usage = usage_of(meter)
        assert usage is not None
        assert (sums(meter), usage.is_partial) == (expected, is_partial)
        assert peak < 50_000_000


# --- The meter for an answer ------------------------------------------------------------------------------------------

JSON: list[Header] = [(b"content-type", b"application/json; charset=utf-8")]
EVENTS: list[Header] = [(b"content-type", b"text/event-stream")]
SOUND: list[Header] = [(b"content-type", b"audio/mpeg")]
BINARY: list[Header] = [(b"content-type", b"application/octet-stream")]


@pytest.mark.parametrize(
    ("method", "path", "status", "headers", "meter"),
    [
        ("POST", "chat/completions", 200, JSON, JsonMeter),
        ("POST", "chat/completions", 200, EVENTS, StreamMeter),
        ("POST", "chat/completions", 429, JSON, JsonMeter),
        ("POST", "chat/completions", 502, [(b"content-type", b"text/html")], JsonMeter),
        ("POST", "embeddings", 200, [], JsonMeter),
        ("POST", "audio/speech", 200, SOUND, UnreadMeter),
        ("POST", "audio/speech", 200, EVENTS, StreamMeter),
        ("GET", "responses/r", 200, JSON, JsonMeter),
        ("HEAD", "responses/r", 200, JSON, UnreadMeter),
        ("GET", "files/f/content", 200, BINARY, LinesMeter),
        ("GET", "files/f/content", 206, BINARY, UnreadMeter),
        ("GET", "files/f/content", 404, JSON, UnreadMeter),
        ("HEAD", "files/f/content", 200, BINARY, UnreadMeter),
        ("GET", "models", 200, JSON, UnreadMeter),
        ("POST", "files", 200, JSON, UnreadMeter),
        ("POST", "anything", 200, EVENTS, UnreadMeter),
    ],
)
def test_an_answer_is_read_by_its_content_type(
    method: str, path: str, status: int, headers: list[Header], meter: type
) -> None:
    kind = OPENAI.find_route(method, path)
    found = meter_for(OPENAI, kind, Asked(object_id="x"), method=method, status=status, headers=headers)
    assert type(found) is meter


def test_what_is_billed_by_the_request_is_known_before_the_first_byte_and_only_for_a_success() -> None:
    kind = OPENAI.find_route("POST", "audio/speech")
    asked = Asked("tts-1", usage=TokenUsage(characters=6))
    served = meter_for(OPENAI, kind, asked, method="POST", status=200, headers=SOUND)
    assert (served.reading.usage, served.reading.source) == (TokenUsage(characters=6), "request")
    assert not served.reading.is_finished, "the record is written at the answer's end"
    refused = meter_for(OPENAI, kind, asked, method="POST", status=429, headers=JSON)
    feed(refused, b'{"error": {"code": "rate_limit_exceeded"}}')
    assert refused.reading.usage is None
