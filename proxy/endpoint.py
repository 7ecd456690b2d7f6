"""The proxied call, from the request's first byte to the record of its cost. `Exchange.run` lists the steps in order.

Raw ASGI beside Django (docs/adr/0001). The steps do not know each other; this module hands results from one to the
next.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from analytics.usage import FORMAT_VERSION, CallFacts
from orgs.key_cache import KeyFacts, KeyRefused, KeysUnavailable, OrganizationSuspended, RevokedKey, UnknownKey
from proxy import headers as heads
from proxy import sandbox
from proxy.call import Target, find_provider, find_target, new_call_id
from proxy.errors import ClientGone, Refusal, render, unavailable
from proxy.meter import Inflater, JsonMeter, Meter, StreamMeter, UnreadMeter
from proxy.process import ProxyProcess
from proxy.providers.base import Provider, estimate_input_tokens, label
from proxy.receiving import BodyReceiver
from proxy.recording import CallRecord
from proxy.relay import ClientWatch, Delivery, Receive, Send, read_on_for_usage
from proxy.request import Request, read_request
from proxy.upstream import Answer, ReadAhead, UpstreamError, UpstreamSilent, UpstreamUnreachable

log = logging.getLogger(__name__)

_MAX_REFUSAL_BODY = 64 * 1024
_ALLOWED = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_KEY_REFUSED: heads.Headers = [
    (b"x-aipc-error", b"provider_key_rejected"),
    (b"x-aipc-upstream-status", b"401"),
    (b"x-should-retry", b"false"),
]
_CHECK, _NEW_KEY = "Check it on the API Keys page.", "Create a new one on the API Keys page."
_SUPPORT = "Write to support."
_KEY_REFUSALS: dict[type[KeyRefused], Callable[[], Refusal]] = {
    UnknownKey: lambda: Refusal(401, "platform_key_invalid", f"This AI Prompt Cost key is not known. {_CHECK}"),
    RevokedKey: lambda: Refusal(401, "platform_key_revoked", f"This AI Prompt Cost key was revoked. {_NEW_KEY}"),
    OrganizationSuspended: lambda: Refusal(
        403, "organization_suspended", f"The key's organization is suspended. {_SUPPORT}"
    ),
}
_process: ProxyProcess | None = None


def serve(process: ProxyProcess | None) -> None:
    """Serve calls with this process's resources from now on; None: no more."""
    global _process
    _process = process


async def application(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    call_id = new_call_id()
    exchange: Exchange | None = None
    try:
        if _process is None:
            raise unavailable("not_serving", "The proxy is starting or stopping. Try again in a moment.")
        if scope["method"] == "OPTIONS":
            await _send_whole(send, 204, [(b"allow", _ALLOWED), (b"x-aipc-request-id", call_id.encode())], b"")
            return
        exchange = Exchange(_process, scope, receive, send, call_id)
        await exchange.run()
    except Refusal as refusal:
        if exchange is not None and exchange.unrecorded_for is not None and _process is not None:
            _process.refusals.note(exchange.unrecorded_for, refusal.code)
        await _refuse(refusal, scope, send, call_id)
    except ClientGone:
        return
    except Exception:
        log.exception("The proxied call %s failed", call_id)
        if exchange is not None and exchange.is_answer_started:
            return  # the server closes the connection of an answer without an end
        failure = Refusal(500, "internal_error", "The proxy failed on this call.", retryable=True)
        await _refuse(failure, scope, send, call_id)


async def _refuse(refusal: Refusal, scope: MutableMapping[str, Any], send: Send, call_id: str) -> None:
    headers, body = render(refusal, find_provider(scope["raw_path"]), call_id)
    await _send_whole(send, refusal.status, headers, body)


async def _send_whole(send: Send, status: int, headers: heads.Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Exchange:
    """One call. Made, run and dropped by one task."""

    def __init__(
        self, process: ProxyProcess, scope: MutableMapping[str, Any], receive: Receive, send: Send, call_id: str
    ) -> None:
        self._process = process
        self._scope = scope
        self._headers: heads.Headers = list(scope["headers"])
        self._send = send
        self._call_id = call_id
        self._started_at = time.time_ns() // 1000
        self._arrived = time.monotonic()
        self._receiver = BodyReceiver(receive, process.budget, limit=process.settings.max_body_bytes)
        self._watch = ClientWatch(receive, process.watches)
        self.is_answer_started = False
        # Whose call it is while it has no record of its own: a refusal is then the only trace of it.
        self.unrecorded_for: KeyFacts | None = None

    async def run(self) -> None:
        target = await self._target()
        self.unrecorded_for = key = await self._platform_key()
        is_sandbox = sandbox.is_wanted(heads.find_header(self._headers, b"x-sandbox"))
        provider_key = b"" if is_sandbox else heads.provider_key(self._headers, target.provider)
        try:
            if is_sandbox:
                sandbox.check(target.provider, is_metered=target.is_metered)
            request = await read_request(target, self._headers, self._receiver)
            record = self._open_record(target, key, request, is_simulated=is_sandbox)
            self.unrecorded_for = None
            await self._carry_out(target, provider_key, request, record)
        finally:
            self._watch.stop()
            self._receiver.release()

    async def _target(self) -> Target:
        """Step 1: what is called. A wrong address is told first, whoever asks; with a known key it is kept, too."""
        try:
            heads.refuse_upgrade(self._headers)
            return find_target(self._scope["method"], self._scope["raw_path"], self._scope["query_string"])
        except Refusal:
            with suppress(Refusal):
                self.unrecorded_for = await self._platform_key()
            raise

    # Step 2: who calls.

    async def _platform_key(self) -> KeyFacts:
        key = heads.platform_key(self._headers)
        try:
            return self._process.keys.find(key) or await self._process.keys.get(key)
        except KeyRefused as refused:
            self.unrecorded_for = refused.facts
            raise _KEY_REFUSALS[type(refused)]() from None
        except KeysUnavailable:
            raise unavailable(
                "keys_unavailable", "The key cannot be checked right now. Try again in a moment."
            ) from None

    # Step 7 begins before the provider is called: from here on the call cannot vanish.

    def _open_record(self, target: Target, key: KeyFacts, request: Request, *, is_simulated: bool) -> CallRecord:
        retries = heads.find_header(self._headers, b"x-stainless-retry-count") or b""
        facts = CallFacts(
            v=FORMAT_VERSION,
            id=self._call_id,
            started_at=self._started_at,
            organization_id=key.organization_id,
            team_id=key.team_id,
            api_key_id=key.api_key_id,
            provider=target.provider.name,
            route=target.route_class,
            method=label(target.method, 16),
            metering="metered" if target.is_metered else "unmetered",
            prompt_key=request.metadata.prompt_key,
            version=request.metadata.version,
            tags=request.metadata.tags,
            model_requested=request.model,
            streamed=request.is_streamed,
            sdk_retry_count=int(retries) if retries.isdigit() and len(retries) < 4 else 0,
        )
        return CallRecord(
            self._process.journal,
            self._process.inflight,
            facts,
            arrived=self._arrived,
            estimate_input=lambda: estimate_input_tokens(request.body or b""),
            state="simulated" if is_simulated else "complete",
        )

    # Steps 5 to 9: the provider's answer, or why there is none.

    async def _carry_out(self, target: Target, provider_key: bytes, request: Request, record: CallRecord) -> None:
        """Whatever happens in here, the record is closed when it ends."""
        answer: Answer | None = None
        meter: Meter = UnreadMeter()
        try:
            if self._receiver.is_complete:
                self._watch.start()
            answer = await self._call_provider(target, provider_key, request, record)
            record.status = answer.status
            record.provider_request_id = _provider_request_id(answer, target.provider)
            answer, told = await self._told_answer(target, provider_key, answer)
            meter = _meter_for(target, answer, drops_usage=request.injects_usage)
            await self._pass_on(target, request, record, answer, meter, told)
        except UpstreamError as error:
            # After the headers the client's stream breaks as the provider's did: the server closes the connection.
            record.close(meter.reading, error_code=_code_of(error))
        except asyncio.CancelledError:
            if not self._watch.recover():
                record.close(meter.reading, error_code="server_shutdown")
                raise
            await self._finish_without_client(record, answer, meter)
        except Refusal as refusal:
            record.close(meter.reading, error_code=refusal.code, was_served=refusal.status == 504)
            raise
        finally:
            record.close(meter.reading, error_code="internal_error")
            if answer is not None:
                answer.abort()

    async def _call_provider(self, target: Target, provider_key: bytes, request: Request, record: CallRecord) -> Answer:
        if not provider_key:
            return self._simulate(target, request)
        headers = heads.upstream_headers(
            self._headers, target.provider, provider_key, decoded=request.is_decoded, identity=request.injects_usage
        )
        url = self._process.settings.origins[target.provider.name] + target.path_and_query
        try:
            return await self._process.upstream.send(
                target.method, url, headers, self._upstream_body(target, request, headers)
            )
        except UpstreamUnreachable:
            record.status = 502
            raise Refusal(
                502, "upstream_unreachable", f"{target.provider.label} cannot be reached.", retryable=True
            ) from None
        except UpstreamSilent:
            record.status = 504
            raise Refusal(
                504, "upstream_timeout", f"{target.provider.label} did not answer in time.", retryable=True
            ) from None
        except UpstreamError:
            record.status = 502
            message = f"{target.provider.label} closed the connection without an answer."
            raise Refusal(502, "upstream_broken", message, retryable=True) from None

    def _simulate(self, target: Target, request: Request) -> Answer:
        return sandbox.answer(
            target.provider,
            call_id=self._call_id,
            model=request.model,
            input_tokens=estimate_input_tokens(request.body or b""),
            is_streamed=request.is_streamed,
            wants_usage=True,
        )

    def _upstream_body(
        self, target: Target, request: Request, headers: heads.Headers
    ) -> bytes | AsyncIterator[bytes] | None:
        length = heads.find_header(self._headers, b"content-length")
        has_body = length not in {None, b"0"} or heads.find_header(self._headers, b"transfer-encoding") is not None
        if request.body is not None:
            return request.body if request.body or target.method == "POST" else None
        if not has_body:
            self._watch.start()
            return b"" if length == b"0" or target.method in {"POST", "PUT", "PATCH"} else None
        if length is not None:
            headers.append((b"content-length", length))
        return self._stream_body()

    async def _stream_body(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._receiver.stream():
                yield chunk
        except ClientGone:
            self._watch.give_up("client_disconnected")
            raise
        finally:  # An answer that comes before the end of the upload ends it, too.
            self._watch.start()

    async def _pass_on(
        self, target: Target, request: Request, record: CallRecord, answer: Answer, meter: Meter, told: heads.Headers
    ) -> None:
        drops = isinstance(meter, StreamMeter) and meter.drops_usage
        headers = heads.client_headers(answer.headers, status=answer.status, call_id=self._call_id, drop_length=drops)
        if drops:
            headers = [(name, value) for name, value in headers if name != b"content-encoding"]
        length = None if target.method == "HEAD" else heads.find_header(headers, b"content-length")
        if told:
            headers = [(name, value) for name, value in headers if name != b"x-should-retry"]
        headers += told + self._headers_of_ours(request, answer)
        delivery = Delivery(self._send, self._watch, length=int(length) if length and length.isdigit() else None)

        async def close_record() -> None:
            record.first_byte_at = delivery.first_byte_at
            record.first_token_at = delivery.first_token_at if request.is_streamed else 0.0
            record.close(meter.reading)
            await record.sync()

        self.is_answer_started = True
        if target.method == "HEAD" or answer.status in {204, 304} or length == b"0":
            await close_record()  # the headers are the whole answer
        await delivery.start(502 if told else answer.status, headers)
        await delivery.pass_on(answer, meter, close_record)

    def _headers_of_ours(self, request: Request, answer: Answer) -> heads.Headers:
        ours = [header for header in answer.headers if header == (b"x-aipc-sandbox", b"true")]
        if request.metadata.warnings:
            ours.append((b"x-aipc-warning", heads.warning(request.metadata.warnings)))
        return ours

    async def _told_answer(self, target: Target, provider_key: bytes, answer: Answer) -> tuple[Answer, heads.Headers]:
        """The one exception to "unmodified": a refused provider key is told as 502, with the provider's own body.

        Returns the answer, its first part read ahead if it is a 401, and the headers that tell of a refused key.
        """
        if answer.status != 401:
            return answer, []
        content = b""
        try:
            while len(content) < _MAX_REFUSAL_BODY and (chunk := await answer.read()):
                content += chunk
        except UpstreamError:
            message = f"{target.provider.label} broke its answer off."
            raise Refusal(502, "upstream_broken", message, retryable=True) from None
        encoding = (heads.find_header(heads.lower(answer.headers), b"content-encoding") or b"").lower()
        is_refusal = target.provider.refuses_key(provider_key, b"".join(Inflater(encoding).feed(content)))
        return ReadAhead(answer, content), _KEY_REFUSED if is_refusal else []

    async def _finish_without_client(self, record: CallRecord, answer: Answer | None, meter: Meter) -> None:
        """Step 8: the client is gone. What was used is recorded; the provider's connection is dropped."""
        if answer is not None:
            try:
                await read_on_for_usage(answer, meter)
            except UpstreamError as error:
                log.debug("the provider broke off too: %s", type(error).__name__)
        record.close(meter.reading, error_code=self._watch.reason)


def _provider_request_id(answer: Answer, provider: Provider) -> str:
    value = heads.find_header(heads.lower(answer.headers), provider.request_id_header)
    return label(value.decode("latin-1"), 128) if value else ""


def _meter_for(target: Target, answer: Answer, *, drops_usage: bool) -> Meter:
    if not target.is_metered:
        return UnreadMeter()
    headers = heads.lower(answer.headers)
    content_type = (heads.find_header(headers, b"content-type") or b"").partition(b";")[0].strip().lower()
    encoding = (heads.find_header(headers, b"content-encoding") or b"").lower()
    if content_type == b"text/event-stream":
        return StreamMeter(target.provider.stream_reader(target.route), encoding, drops_usage=drops_usage)
    return JsonMeter(target.provider, target.route, encoding)


def _code_of(error: UpstreamError) -> str:
    return "upstream_timeout" if isinstance(error, UpstreamSilent) else "upstream_broken"
