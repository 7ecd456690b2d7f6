"""The request on its way to the provider: which body goes along, and what is told when no answer comes."""

from collections.abc import AsyncIterator

from proxy import headers as heads
from proxy.asking import Asking
from proxy.call import Target
from proxy.errors import ClientGone, Refusal
from proxy.receiving import BodyReceiver
from proxy.relay import ClientWatch
from proxy.request import Request
from proxy.upstream import Answer, Client, UpstreamError, UpstreamSilent, UpstreamUnreachable


class Dispatch:
    """One request's way out."""

    def __init__(self, target: Target, request: Request, asking: Asking) -> None:
        self._target = target
        self._request = request
        self._asking = asking

    async def send(
        self, upstream: Client, origin: str, provider_key: bytes, receiver: BodyReceiver, watch: ClientWatch
    ) -> Answer:
        """The provider's answer once its headers are there. Raises `Refusal` 502 or 504 without one."""
        provider, request = self._target.provider, self._request
        headers: heads.Headers = self._asking.sent(
            self._target, provider_key, decoded=request.is_decoded, identity=request.injects_usage
        )
        if request.body is None:
            headers = list(headers)
        body = self._body(headers, receiver, watch)
        try:
            return await upstream.send(self._target.method, origin + self._target.path_and_query, headers, body)
        except UpstreamUnreachable:
            raise Refusal(502, "upstream_unreachable", f"{provider.label} cannot be reached.", retryable=True) from None
        except UpstreamSilent:
            raise Refusal(
                504, "upstream_timeout", f"{provider.label} did not answer in time.", retryable=True
            ) from None
        except UpstreamError:
            message = f"{provider.label} closed the connection without an answer."
            raise Refusal(502, "upstream_broken", message, retryable=True) from None

    def _body(
        self, headers: heads.Headers, receiver: BodyReceiver, watch: ClientWatch
    ) -> bytes | AsyncIterator[bytes] | None:
        body, method = self._request.body, self._target.method
        if body is not None:
            return body if body or method == "POST" else None
        length = heads.find_header(self._asking.headers, b"content-length")
        has_body = (
            length not in {None, b"0"} or heads.find_header(self._asking.headers, b"transfer-encoding") is not None
        )
        if not has_body:
            watch.start()
            return b"" if length == b"0" or method in {"POST", "PUT", "PATCH"} else None
        if length is not None:
            headers.append((b"content-length", b"%d" % int(length)))  # as we understood it
        return self._stream(receiver, watch)

    async def _stream(self, receiver: BodyReceiver, watch: ClientWatch) -> AsyncIterator[bytes]:
        form = self._request.form
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
