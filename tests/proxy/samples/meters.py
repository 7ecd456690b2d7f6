"""Meters for these tests, and what they must read from the samples."""

from analytics.usage import TokenUsage
from proxy.meter import JsonMeter, StreamMeter
from proxy.providers import PROVIDERS
from proxy.providers.base import Asked
from tests.proxy.samples import anthropic, openai

ROUTES = {"openai": "chat/completions", "anthropic": "messages"}
USAGES = {
    # 1,200 - 1,024 = 176 uncached.
    "openai": TokenUsage(input=176, cache_read=1_024, output=300, reasoning=256, service_tier="default"),
    "anthropic": TokenUsage(
        input=21,
        cache_read=18_000,
        cache_write_5m=1_000,
        cache_write_1h=2_000,
        output=310,
        web_searches=2,
        service_tier="standard",
        inference_geo="global",
    ),
}


STREAMS = {"openai": openai.text_stream(), "anthropic": anthropic.text_stream()}
ANSWERS = {"openai": openai.answer(), "anthropic": anthropic.answer()}


def stream_meter(provider: str, encoding: bytes = b"", *, drops_usage: bool = False) -> StreamMeter:
    reader = PROVIDERS[provider].stream_reader(PROVIDERS[provider].find_route("POST", ROUTES[provider]), Asked())
    return StreamMeter(reader, encoding, drops_usage=drops_usage)


def json_meter(provider: str, encoding: bytes = b"") -> JsonMeter:
    kind = PROVIDERS[provider].find_route("POST", ROUTES[provider])
    return JsonMeter(PROVIDERS[provider], kind, Asked(), encoding)
