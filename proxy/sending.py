"""The request on its way to the provider: a body that was not read before, and what is told when no answer comes."""

from collections.abc import AsyncIterator

from proxy import headers as heads
from proxy import sandbox
from proxy.asking import Asking
from proxy.call import Target
from proxy.errors import ClientGone, Refusal
from proxy.multipart import FormReader
from proxy.providers.base import Provider, estimate_input_tokens
from proxy.receiving import BodyReceiver
from proxy.relay import ClientWatch
from proxy.request import Request
from proxy.upstream import Answer, Body, UpstreamError, UpstreamSilent, UpstreamUnreachable


def unread_body(
    target: Target,
    request: Request,
    asking: Asking,
    headers: heads.Headers,
    receiver: BodyReceiver,
    watch: ClientWatch,
) -> tuple[heads.Headers, Body]:
    """What goes out where no body was read, or an empty one: the body, and `headers` with its length."""
    method = target.method
    if request.body is not None:
        return headers, b"" if method == "POST" else None
    headers = list(headers)
    length = heads.find_header(asking.headers, b"content-length")
    has_body = length not in {None, b"0"} or heads.find_header(asking.headers, b"transfer-encoding") is not None
    if not has_body:
        watch.start()
        return headers, b"" if length == b"0" or method in {"POST", "PUT", "PATCH"} else None
    if length is not None:
        headers.append((b"content-length", b"%d" % int(length)))  # as we understood it
    return headers, _stream(receiver, watch, request.form)


async def _stream(receiver: BodyReceiver, watch: ClientWatch, form: FormReader | None) -> AsyncIterator[bytes]:
    try:
        async for chunk in receiver.stream():
            if form is not None:
                form.feed(chunk)
            yield chunk
    except ClientGone:
        watch.give_up("client_disconnected")
        raise
    finally:  # An answer that comes before the end of the upload ends it, too.
        watch.start()


def simulated_answer(target: Target, request: Request, call_id: str) -> Answer:
    """Without a provider."""
    return sandbox.answer(
        target.provider,
        call_id=call_id,
        model=request.model,
        input_tokens=estimate_input_tokens(request.body or b""),
        is_streamed=request.is_streamed,
        wants_usage=True,
    )


def code_of(error: UpstreamError) -> str:
    """Of an answer that broke off."""
    return "upstream_timeout" if isinstance(error, UpstreamSilent) else "upstream_broken"


def no_answer(error: UpstreamError, provider: Provider) -> Refusal:
    """What the client is told, 502 or 504, where the provider has not begun to answer."""
    if isinstance(error, UpstreamUnreachable):
        return Refusal(502, "upstream_unreachable", f"{provider.label} cannot be reached.", retryable=True)
    if isinstance(error, UpstreamSilent):
        return Refusal(504, "upstream_timeout", f"{provider.label} did not answer in time.", retryable=True)
    message = f"{provider.label} closed the connection without an answer."
    return Refusal(502, "upstream_broken", message, retryable=True)
