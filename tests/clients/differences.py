"""In what a call differs on the two sides of the proxy. What is allowed to stands here, and in the documentation.

`find_differences` returns the others: an empty list means that the call went through unchanged.
"""

import re
import zlib
from collections.abc import Iterable

import msgspec

from tests.clients import tap
from tests.clients.messages import Headers
from tests.fake_provider import Exchange

# --- The list (docs/headers.md, docs/proxy.md; test_documented.py holds it to them) ---

CREDENTIALS = frozenset({"authorization", "x-api-key", "api-key", "x-provider-key"})
FOR_THE_PROXY = frozenset({"x-sandbox", "x-aipc-*"})
HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip
OF_THE_CONNECTION = frozenset({"cookie", "host", "expect", "forwarded", "x-forwarded-*", "x-real-ip"})
NOT_SENT_ON = CREDENTIALS | FOR_THE_PROXY | HOP_BY_HOP | OF_THE_CONNECTION
READABLE_CODINGS = ("gzip", "deflate", "identity")
DEFAULT_VERSION = "2023-06-01"
# What the provider says to browsers about its own host.
ABOUT_THE_HOST = frozenset({
    "set-cookie", "set-cookie2", "strict-transport-security", "alt-svc", "clear-site-data", "nel", "report-to",
})  # fmt: skip
NOT_SENT_BACK = HOP_BY_HOP | ABOUT_THE_HOST | {"x-aipc-*"}
ADDED_TO_ANSWERS = frozenset({
    "x-aipc-request-id", "x-aipc-error", "x-aipc-upstream-status", "x-aipc-warning", "x-aipc-sandbox",
    "x-should-retry",
})  # fmt: skip
# Framing belongs to each connection: a body may come in chunks and go on with its length, and the other way round.
FRAMING = frozenset({"content-length"})
PREFIX = re.compile(r"/api/proxy/v1/(openai|anthropic)/(?:v1/)?")


def _is_among(name: str, names: Iterable[str]) -> bool:
    return any(name.startswith(one[:-1]) if one.endswith("*") else name == one for one in names)


def find_differences(seen: tap.Exchange, upstream: Exchange, public_url: str) -> list[str]:
    """`public_url` is where the proxy says that it is."""
    assert seen.answer is not None
    return [
        *_of_the_request(seen, upstream),
        *_of_the_status(seen.answer.status, upstream.status, seen.answer.header("x-aipc-error")),
        *_of_the_answers_headers(seen, upstream),
        *_of_the_answers_body(seen, upstream, public_url),
    ]


# --- The request ---


def _of_the_request(seen: tap.Exchange, upstream: Exchange) -> list[str]:
    request, found = seen.request, []
    if request.method != upstream.method:
        found.append(f"method {request.method} became {upstream.method}")
    target = PREFIX.sub(lambda match: f"/{match[1]}/v1/", request.target, count=1)
    if target != upstream.target:
        found.append(f"target {request.target} became {upstream.target}")
    is_decoded = request.header("content-encoding") == "gzip" and not upstream.header("content-encoding")
    sent = zlib.decompress(request.body, wbits=31) if is_decoded else request.body
    is_asked = _is_usage_asked_for(sent, upstream.body)
    expected = _expected_upstream(request.headers, upstream.provider, is_asked, is_decoded)
    arrived = [(name.lower(), value) for name, value in upstream.headers]
    arrived = [
        (name, value) for name, value in arrived if not _is_among(name, CREDENTIALS | HOP_BY_HOP | FRAMING | {"host"})
    ]
    found += _lists("request header", expected, arrived)
    credentials = [name for name, _ in upstream.headers if name.lower() in CREDENTIALS]
    if len(credentials) != 1:
        found.append(f"credentials sent on: {credentials}")
    if not _is_body_kept(sent, upstream.body):
        found.append(f"request body {sent[:300]!r} became {upstream.body[:300]!r}")
    return found


def _expected_upstream(headers: Headers, provider: str, is_asked: bool, is_decoded: bool) -> Headers:
    named_away = {name.strip().lower() for key, value in headers if key == "connection" for name in value.split(",")}
    kept = [
        (name, value)
        for name, value in headers
        if not _is_among(name, NOT_SENT_ON | FRAMING) and name not in named_away - {"content-type"}
        if not (is_decoded and name == "content-encoding")
    ]
    kept = [(name, _readable(value, is_asked) if name == "accept-encoding" else value) for name, value in kept]
    if is_asked and "accept-encoding" not in dict(kept):
        kept.append(("accept-encoding", "identity"))
    if provider == "anthropic" and "anthropic-version" not in dict(kept):
        kept.append(("anthropic-version", DEFAULT_VERSION))
    return kept


def _readable(accepted: str, is_asked: bool) -> str:
    """Nothing but identity where an event is to be taken out of the stream."""
    codings = [one.strip() for one in accepted.split(",")]
    kept = [one for one in codings if one.partition(";")[0].strip().lower() in READABLE_CODINGS]
    return "identity" if is_asked or not kept else ", ".join(kept)


def _members(body: bytes) -> dict[str, bytes] | None:
    try:
        return {name: bytes(raw) for name, raw in msgspec.json.decode(body, type=dict[str, msgspec.Raw]).items()}
    except ValueError:
        return None


def _is_usage_asked_for(sent: bytes, arrived: bytes) -> bool:
    """Whether the proxy has set `stream_options.include_usage`."""
    before, after = _members(sent) or {}, _members(arrived) or {}
    return b'"include_usage":true' in after.get("stream_options", b"") and before.get("stream_options") != after.get(
        "stream_options"
    )


def _is_body_kept(sent: bytes, arrived: bytes) -> bool:
    """Byte for byte, or member by member where `_aipromptcost` was taken out or usage asked for."""
    if sent == arrived:
        return True
    before, after = _members(sent), _members(arrived)
    if before is None or after is None or not ("_aipromptcost" in before or _is_usage_asked_for(sent, arrived)):
        return False
    before.pop("_aipromptcost", None)
    if _is_usage_asked_for(sent, arrived):
        before.pop("stream_options", None)
        after.pop("stream_options")
    return list(before.items()) == list(after.items())


# --- The answer ---


def _of_the_status(got: int, sent: int, code: str) -> list[str]:
    if got == sent or (code == "provider_key_rejected" and (got, sent) == (502, 401)):
        return []
    return [f"status {sent} became {got}"]


def _of_the_answers_headers(seen: tap.Exchange, upstream: Exchange) -> list[str]:
    assert seen.answer is not None
    sent = [(name.lower(), value) for name, value in upstream.headers_sent]
    gone = NOT_SENT_BACK | FRAMING | ({"content-encoding"} if _has_addresses(upstream) else set())
    expected = [(name, value) for name, value in sent if not _is_among(name, gone)]
    own = ADDED_TO_ANSWERS - {name for name, _ in expected}
    got = [(name, value) for name, value in seen.answer.headers if name not in HOP_BY_HOP | FRAMING | own]
    found = _lists("answer header", expected, got)
    if len(seen.answer.header("x-aipc-request-id")) != 32:
        found.append("the answer has no x-aipc-request-id")
    return found


def _has_addresses(upstream: Exchange) -> bool:
    """Whether the answer may hold a `results_url`, which is made to lead to the proxy."""
    path = upstream.request.path
    return upstream.provider == "anthropic" and "/messages/batches" in path and not path.endswith("/results")


def _of_the_answers_body(seen: tap.Exchange, upstream: Exchange, public_url: str) -> list[str]:
    assert seen.answer is not None
    sent, got = upstream.body_sent, seen.answer.body
    if seen.request.method != "HEAD" and sent != got:
        if _is_usage_asked_for(seen.request.body, upstream.body):
            events = re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)", sent)
            sent = b"".join(event for event in events if b'"choices":[],' not in event)
        if _has_addresses(upstream):
            is_packed = dict(upstream.headers_sent).get("Content-Encoding") == "gzip"
            sent = zlib.decompress(sent, wbits=31) if is_packed else sent
            origin = f"http://{upstream.header('host')}/anthropic/".encode()
            sent = sent.replace(origin, f"{public_url}/api/proxy/v1/anthropic/".encode())
        if sent != got:
            return [f"answer {sent[:300]!r} ({len(sent)} bytes) became {got[:300]!r} ({len(got)} bytes)"]
    return []


def _lists(what: str, expected: Headers, got: Headers) -> list[str]:
    """The same names with the same values, several of one name in order; the names may be in another order."""
    key = lambda item: item[0]  # noqa: E731
    left, right = sorted(expected, key=key), sorted(got, key=key)
    if left == right:
        return []
    gone, new = [one for one in left if one not in right], [one for one in right if one not in left]
    return [f"{what}s: {gone} became {new}"]
