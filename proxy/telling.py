"""The provider's answer made ready for the client: the status of a refused key, the headers, addresses of ours."""

import msgspec

from proxy import headers as heads
from proxy import rewriting
from proxy.call import Target
from proxy.errors import Refusal
from proxy.inflating import inflate
from proxy.providers.base import Provider, label
from proxy.upstream import Answer, ReadAhead, UpstreamError

_MAX_REFUSAL_BODY = 64 * 1024
_KEY_REFUSED: heads.Headers = [
    (b"x-aipc-error", b"provider_key_rejected"),
    (b"x-aipc-upstream-status", b"401"),
    (b"x-should-retry", b"false"),
]


class Told(msgspec.Struct, frozen=True):
    """What goes to the client: the answer to read, the status, and headers that the answer itself does not have."""

    answer: Answer
    status: int
    headers: heads.Headers = []


async def tell(target: Target, provider_key: bytes, answer: Answer, *, proxy_url: str) -> Told:
    """Raises `Refusal` 502 when a short answer that must be seen whole breaks off, and for a status that no final
    answer has (RFC 9110, section 15): the client would take a 101 for the start of another protocol.
    """
    if not 200 <= answer.status < 600:
        message = f"{target.provider.label} answered with a status that means nothing."
        raise Refusal(502, "upstream_broken", message, retryable=True)
    if answer.status == 401:
        return await _told_refusal(target.provider, provider_key, answer)
    if rewriting.is_needed(target.provider, target.kind, answer.headers):
        answer = rewriting.RewrittenAnswer(answer, f"{proxy_url}/{target.provider.name}")
    return Told(answer, answer.status)


async def _told_refusal(provider: Provider, provider_key: bytes, answer: Answer) -> Told:
    """The one exception to "unmodified": a refused provider key is told as 502, with the provider's own body."""
    content = b""
    try:
        while len(content) < _MAX_REFUSAL_BODY and (chunk := await answer.read()):
            content += chunk
    except UpstreamError:
        message = f"{provider.label} broke its answer off."
        raise Refusal(502, "upstream_broken", message, retryable=True) from None
    encoding = (heads.find_header(answer.headers, b"content-encoding") or b"").lower()
    is_refusal = provider.refuses_key(provider_key, inflate(content, encoding, _MAX_REFUSAL_BODY))
    read_ahead = ReadAhead(answer, content)
    return Told(read_ahead, 502, _KEY_REFUSED) if is_refusal else Told(read_ahead, 401)


def client_headers(
    told: Told, *, method: str, call_id: str, warnings: tuple[str, ...], drops_usage: bool
) -> tuple[heads.Headers, int | None]:
    """The headers that go to the client, and the body's announced length."""
    answer = told.answer
    headers = heads.client_headers(answer.headers, status=answer.status, call_id=call_id, drop_length=drops_usage)
    if drops_usage:
        headers = [(name, value) for name, value in headers if name != b"content-encoding"]
    length = None if method == "HEAD" else heads.find_header(headers, b"content-length")
    if told.headers:
        headers = [(name, value) for name, value in headers if name != b"x-should-retry"]
        headers += told.headers
    headers += [header for header in answer.headers if header == (b"x-aipc-sandbox", b"true")]
    if warnings:
        headers.append((b"x-aipc-warning", heads.warning(warnings)))
    return headers, int(length) if length and length.isdigit() else None


def is_body_here(answer: Answer) -> bool:
    """Whether a part of the body has come, and can be read without waiting."""
    return getattr(answer, "is_here", False)


def provider_request_id(answer: Answer, provider: Provider) -> str:
    value = heads.find_header(answer.headers, provider.request_id_header)
    return label(value.decode("latin-1"), 128) if value else ""
