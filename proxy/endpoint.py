"""The proxied call, from the request's first byte to the record of its cost. `Exchange.run` lists the steps in order.

Raw ASGI beside Django (docs/adr/0001). The steps do not know each other; this module hands results from one to the
next.
"""

import asyncio
import logging
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

from config import request_ids
from orgs.key_cache import KeyFacts
from proxy import headers as heads
from proxy import sandbox
from proxy.admission import NotAdmitted, admit
from proxy.asking import Asking
from proxy.call import ALLOWED, Target, find_provider, new_call_id
from proxy.errors import ClientGone, Refusal, render, unavailable
from proxy.http_cycle import WHEN_GONE, WHOLE_BODY, WRITE
from proxy.known_heads import HEAD, LENGTH, Sighting
from proxy.meter import Meter, StreamMeter, UnreadMeter, meter_for
from proxy.observing import Observed
from proxy.process import ProxyProcess
from proxy.providers.base import estimate_input_tokens
from proxy.receiving import BodyReceiver, nothing_yet
from proxy.recording import CallRecord
from proxy.relay import ClientWatch, Delivery, Receive, Send, ask_for_leaving, never_at_once, read_on_for_usage
from proxy.request import Request, asked_of, read_request
from proxy.sending import Dispatch
from proxy.telling import Told, client_headers, is_body_here, provider_request_id, tell
from proxy.upstream import Answer, UpstreamError, UpstreamSilent

log = logging.getLogger(__name__)

_process: ProxyProcess | None = None
_NOTHING_READ = UnreadMeter()


def serving() -> ProxyProcess | None:
    return _process


def leave() -> None:
    """The service ends here: calls are still taken, and health says that others should take them."""
    if _process is not None:
        _process.is_leaving = True


def serve(process: ProxyProcess | None) -> None:
    """Serve calls with this process's resources from now on; None: no more."""
    global _process
    _process = process


async def application(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    started_at = time.time_ns() // 1000
    call_id = new_call_id(started_at)
    request_ids.current.set(call_id)
    exchange: Exchange | None = None
    try:
        if _process is None:
            raise unavailable("not_serving", "The proxy is starting or stopping. Try again in a moment.")
        if scope["method"] == "OPTIONS":
            await _send_whole(send, 204, [(b"allow", ALLOWED), (b"x-aipc-request-id", call_id.encode())], b"")
            return
        exchange = Exchange(_process, scope, receive, send, call_id, started_at)
        await exchange.run()
    except Refusal as refusal:
        _observe_refusal(exchange, refusal)
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
        _observe_refusal(exchange, failure)
        await _refuse(failure, scope, send, call_id)
    finally:
        if exchange is not None:
            exchange.metrics.note(exchange.observed)


def _observe_refusal(exchange: "Exchange | None", refusal: Refusal) -> None:
    if exchange is not None:
        exchange.observed.status = refusal.status
        exchange.metrics.refused(refusal.code)


async def _refuse(refusal: Refusal, scope: MutableMapping[str, Any], send: Send, call_id: str) -> None:
    headers, body = render(refusal, find_provider(scope["raw_path"]), call_id)
    await _send_whole(send, refusal.status, headers, body)


async def _send_whole(send: Send, status: int, headers: heads.Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Exchange:
    """One call. Made, run and dropped by one task."""

    def __init__(
        self,
        process: ProxyProcess,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Send,
        call_id: str,
        started_at: int,
    ) -> None:
        self._process = process
        self._scope = scope
        self._head = scope.get(HEAD)  # of our server
        self._asking = (self._head and self._head.note) or Asking(scope["headers"])
        of_server = scope.get("extensions") or {}  # `proxy.http_cycle`; the page of the onboarding has none
        writer = of_server.get(WRITE)
        self._write = writer() if writer is not None else never_at_once
        self._send = send
        self._call_id = call_id
        self._started_at = started_at
        self._arrived = time.monotonic()
        self.metrics = process.metrics
        self.observed = Observed(self._arrived)
        self._receiver = BodyReceiver(
            receive,
            process.budget,
            limit=process.settings.max_body_bytes,
            whole_body=of_server.get(WHOLE_BODY) or nothing_yet,
        )
        when_gone = of_server.get(WHEN_GONE) or ask_for_leaving(receive)
        self._watch = ClientWatch(when_gone, process.watches, asyncio.current_task(process.loop))
        self.is_answer_started = False
        # Whose call it is while it has no record of its own: a refusal is then the only trace of it.
        self.unrecorded_for: KeyFacts | None = None

    async def run(self) -> None:
        asking, limits = self._asking, self._process.limits
        try:
            target = asking.target(self._scope)  # Step 1.
        except Refusal:  # A wrong address is told first, whoever asks; with a known key it is kept, too.
            with suppress(Refusal):
                self.unrecorded_for = await self._platform_key()
            raise
        self.observed.provider, self.observed.route = target.provider.name, target.kind.name
        self.unrecorded_for = key = await self._platform_key()
        limits.enter(key.api_key_id)
        try:
            provider_key = asking.provider_key(target)
            if not provider_key:
                sandbox.check(target.provider, target.kind)
            request = await read_request(target, asking, self._receiver, self._length())
            record = self._open_record(target, key, request, is_simulated=not provider_key)
            self.unrecorded_for = None
            self._remember(request)
            await self._carry_out(target, provider_key, request, record)
        finally:
            self._watch.stop()
            self._receiver.release()
            limits.leave(key.api_key_id)

    def _length(self) -> int | None:
        """Of the body, as the head announces it."""
        length: int | None = self._scope.get(LENGTH)
        if length is not None:
            return length
        told = heads.find_header(self._asking.headers, b"content-length") or b""
        return int(told) if told.isdigit() else None

    def _remember(self, request: Request) -> None:
        """What was read of the head holds for the next call with the same one, now that all of it was in order."""
        if isinstance(self._head, Sighting) and request.body is not None and self._head.is_repeated:
            self._head.remember(self._asking)

    # Step 2: who calls.

    async def _platform_key(self) -> KeyFacts:
        try:
            return await admit(self._process.keys, *self._asking.platform_key())
        except NotAdmitted as refusal:
            self.unrecorded_for = refusal.facts
            raise

    # Step 7 begins before the provider is called: from here on the call cannot vanish.

    def _open_record(self, target: Target, key: KeyFacts, request: Request, *, is_simulated: bool) -> CallRecord:
        facts = self._asking.facts(target, key, request.metadata, request.model, streamed=request.is_streamed)
        return CallRecord(
            self._process.journal,
            self._process.inflight,
            facts,
            call_id=self._call_id,
            started_at=self._started_at,
            arrived=self._arrived,
            estimate_input=lambda: estimate_input_tokens(request.body or b""),
            state="simulated" if is_simulated else "complete",
        )

    # Steps 5 to 9: the provider's answer, or why there is none.

    async def _carry_out(self, target: Target, provider_key: bytes, request: Request, record: CallRecord) -> None:
        """Whatever happens in here, the record is closed when it ends."""
        answer: Answer | None = None
        meter: Meter = _NOTHING_READ
        try:
            if self._receiver.is_complete:
                self._watch.start()
            answer = await self._call_provider(target, provider_key, request)
            record.status = answer.status
            record.provider_request_id = provider_request_id(answer, target.provider)
            told = await tell(target, provider_key, answer, proxy_url=self._process.settings.proxy_url)
            answer = told.answer
            meter = self._meter(target, request, record, answer)
            await self._pass_on(target, request, record, told, meter)
            if meter.is_unreadable:
                log.warning("The answer of the call %s is encoded in a way that nobody here can read.", self._call_id)
        except UpstreamError as error:
            # After the headers the client's stream breaks as the provider's did: the server closes the connection.
            self._break_off(record, meter, error_code=_code_of(error))
        except asyncio.CancelledError:
            if not self._watch.recover():
                self._break_off(record, meter, error_code="server_shutdown")
                raise
            await self._finish_without_client(record, answer, meter)
        except Refusal as refusal:
            record.status = record.status or refusal.status
            record.close(meter.reading, error_code=refusal.code, was_served=refusal.status == 504)
            raise
        finally:
            record.close(meter.reading, error_code="internal_error")
            if answer is not None:
                answer.abort()

    async def _call_provider(self, target: Target, provider_key: bytes, request: Request) -> Answer:
        if not provider_key:
            return self._simulate(target, request)
        origin = self._process.settings.origins[target.provider.name]
        dispatch = Dispatch(target, request, self._asking)
        self.observed.ask(self._receiver.waited_seconds)
        answer = await dispatch.send(self._process.upstream, origin, provider_key, self._receiver, self._watch)
        self.observed.answered_at = time.monotonic()
        return answer

    def _simulate(self, target: Target, request: Request) -> Answer:
        return sandbox.answer(
            target.provider,
            call_id=self._call_id,
            model=request.model,
            input_tokens=estimate_input_tokens(request.body or b""),
            is_streamed=request.is_streamed,
            wants_usage=True,
        )

    def _meter(self, target: Target, request: Request, record: CallRecord, answer: Answer) -> Meter:
        asked = asked_of(target, request)
        if request.form is not None:
            record.learn(model_requested=asked.model, streamed=request.form.is_streamed)
        return meter_for(
            target.provider,
            target.kind,
            asked,
            method=target.method,
            status=answer.status,
            headers=answer.headers,
            drops_usage=request.injects_usage,
        )

    async def _pass_on(self, target: Target, request: Request, record: CallRecord, told: Told, meter: Meter) -> None:
        is_stream = isinstance(meter, StreamMeter)
        drops = isinstance(meter, StreamMeter) and meter.drops_usage
        headers, length = client_headers(
            told, method=target.method, call_id=self._call_id, warnings=request.warnings, drops_usage=drops
        )
        delivery = Delivery(self._send, self._watch, length=length, write=self._write)

        async def close_record() -> None:
            record.first_byte_at = delivery.first_byte_at
            record.first_token_at = delivery.first_token_at if record.is_streamed else 0.0
            began_at = time.monotonic()
            record.close(meter.reading)
            await record.sync()
            self.observed.work_on(began_at)

        self.is_answer_started = True
        self.observed.status = told.status
        if target.method == "HEAD" or told.answer.status in {204, 304} or length == 0:
            await close_record()  # the headers are the whole answer
        await delivery.start(told.status, headers, is_body_here=not is_stream and is_body_here(told.answer))
        self.observed.begin()
        self.metrics.open_streams += is_stream
        try:
            await delivery.pass_on(told.answer, meter, close_record)
        finally:
            self.metrics.open_streams -= is_stream

    async def _finish_without_client(self, record: CallRecord, answer: Answer | None, meter: Meter) -> None:
        """Step 8: the client is gone. What was used is recorded; the provider's connection is dropped."""
        try:
            if answer is not None:
                await read_on_for_usage(answer, meter)
        except UpstreamError as error:
            log.debug("the provider broke off too: %s", type(error).__name__)
        finally:  # also where the server ends meanwhile
            self._break_off(record, meter, error_code=self._watch.reason)

    def _break_off(self, record: CallRecord, meter: Meter, *, error_code: str) -> None:
        """The record is closed. What broke off after the answer's last event, when it was closed, changes nothing."""
        if self.is_answer_started and not record.is_closed:
            self.metrics.cut_short(error_code)
        record.close(meter.reading, error_code=error_code)


def _code_of(error: UpstreamError) -> str:
    return "upstream_timeout" if isinstance(error, UpstreamSilent) else "upstream_broken"
