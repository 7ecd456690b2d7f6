"""The provider's answer made ready for the client: the status of a refused key, the headers, addresses of ours."""

from collections.abc import MutableMapping
from typing import Any

import msgspec

from proxy import headers as heads
from proxy import rewriting
from proxy.call import Target, find_provider
from proxy.errors import Refusal, render
from proxy.http1.heads import Lines
from proxy.http1.layouts import Fields
from proxy.inflating import inflate
from proxy.providers.base import Header, Provider, label
from proxy.relay import Send
from proxy.upstream import Answer, ReadAhead, UpstreamError

_MAX_REFUSAL_BODY = 64 * 1024
_SIMULATED: Header = (b"x-aipc-sandbox", b"true")
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


def tell(target: Target, answer: Answer, *, proxy_url: str) -> Told:
    """Of any answer but a 401. Raises `Refusal` 502 for a status that no final answer has (RFC 9110, section 15): the
    client would take a 101 for the start of another protocol.
    """
    if not 200 <= answer.status < 600:
        message = f"{target.provider.label} answered with a status that means nothing."
        raise Refusal(502, "upstream_broken", message, retryable=True)
    if rewriting.is_needed(target.provider, target.kind, answer.headers):
        answer = rewriting.RewrittenAnswer(answer, f"{proxy_url}/{target.provider.name}")
    return Told(answer, answer.status)


async def tell_unauthorized(provider: Provider, provider_key: bytes, answer: Answer) -> Told:
    """Of a 401, the one exception to "unmodified": a refused provider key is told as 502, with the provider's own body.
    Raises `Refusal` 502 when the answer breaks off.
    """
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


async def send_refusal(refusal: Refusal, scope: MutableMapping[str, Any], send: Send, call_id: str) -> None:
    headers, body = render(refusal, find_provider(scope["raw_path"]), call_id)
    await send_whole(send, refusal.status, headers, body)


async def send_whole(send: Send, status: int, headers: heads.Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def client_headers(
    told: Told, *, method: str, call_id: str, warnings: tuple[str, ...], drops_usage: bool
) -> tuple[heads.Headers | Lines, int | None]:
    """The headers that go to the client, and the body's announced length."""
    headers = told.answer.headers
    if isinstance(headers, Fields) and not (warnings or told.headers or _SIMULATED[0] in headers.layout.at):
        form = headers.layout.notes.get(drops_usage)
        if form is None:
            form = headers.layout.notes[drops_usage] = _form_of(told, headers, drops_usage=drops_usage)
        length = headers.length if form.has_length else None
        back: heads.Headers | Lines = Lines(form.lines % (*headers.values, call_id.encode()), length)
    else:
        back = _client_headers(told, call_id, warnings, drops_usage=drops_usage)
        told_length = heads.find_header(back, b"content-length")
        length = int(told_length) if told_length and told_length.isdigit() else None
    return back, None if method == "HEAD" else length


def _client_headers(told: Told, call_id: str, warnings: tuple[str, ...], *, drops_usage: bool) -> heads.Headers:
    answer = told.answer
    back = heads.client_headers(answer.headers, status=answer.status, call_id=call_id, drop_length=drops_usage)
    if drops_usage:
        back = [(name, value) for name, value in back if name != b"content-encoding"]
    if told.headers:
        back = [(name, value) for name, value in back if name != b"x-should-retry"]
        back += told.headers
    back += [header for header in answer.headers if header == _SIMULATED]
    if warnings:
        back.append((b"x-aipc-warning", heads.warning(warnings)))
    return back


class _Form(msgspec.Struct, frozen=True):
    """The lines that go back of all answers of one layout: with places for the values of their headers, and for the id
    of the call.
    """

    lines: bytes
    has_length: bool


def _form_of(told: Told, headers: Fields, *, drops_usage: bool) -> _Form:
    """What goes back of this answer goes back of all with its layout: nothing else of them is looked at (but whether a
    value can be written, as all can that were read off the wire).
    """
    *back, _ = _client_headers(told, "", (), drops_usage=drops_usage)
    kept = {name for name, _ in back}
    # "%.0b" takes a value and writes nothing of it.
    lines = [name.replace(b"%", b"%%") + b": %b\r\n" if name in kept else b"%.0b" for name, _ in headers]
    return _Form(b"".join([*lines, b"x-aipc-request-id: %b\r\n"]), b"content-length" in kept)


def take_whole(answer: Answer) -> bytes | None:
    """The whole body, if nothing of it is still to come. Else nothing was taken."""
    take = getattr(answer, "take_whole", None)
    return None if take is None else take()


def is_body_here(answer: Answer) -> bool:
    """Whether a part of the body has come, and can be read without waiting."""
    return getattr(answer, "is_here", False)


def provider_request_id(answer: Answer, provider: Provider) -> str:
    value = heads.find_header(answer.headers, provider.request_id_header)
    return label(value.decode("latin-1"), 128) if value else ""
