"""The proxied call, from the request's first byte to the record of its cost. `Exchange.run` lists the steps in order.

Raw ASGI beside Django (docs/adr/0001). The steps do not know each other; this module hands results from one to the
next.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, MutableMapping
from typing import Any

from config import request_ids
from orgs.key_cache import KeyFacts
from proxy import headers as heads
from proxy import sandbox
from proxy.admission import find_key, look_key_up
from proxy.asking import Asking
from proxy.call import ALLOWED, Target, new_call_id
from proxy.errors import ClientGone, Refusal, unavailable
from proxy.http_cycle import RUNNING
from proxy.known_heads import HEAD, LENGTH, Sighting
from proxy.meter import Meter, StreamMeter, UnreadMeter, feed_whole, meter_for
from proxy.observing import Observed
from proxy.process import ProxyProcess
from proxy.providers.base import Provider, estimate_input_tokens
from proxy.receiving import BodyReceiver
from proxy.recording import CallRecord
from proxy.relay import ClientWatch, Delivery, PlainCycle, Receive, Send, read_on_for_usage
from proxy.request import Request, asked_of, read_request
from proxy.sending import code_of, no_answer, simulated_answer, unread_body
from proxy.telling import (
    Told,
    client_headers,
    is_body_here,
    provider_request_id,
    send_refusal,
    send_whole,
    take_whole,
    tell,
    tell_unauthorized,
)
from proxy.upstream import Answer, Body, UpstreamError

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


def application(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> Awaitable[None]:
    started_at = time.time_ns() // 1000
    call_id = new_call_id(started_at)
    request_ids.current.set(call_id)
    if _process is None:
        refusal = unavailable("not_serving", "The proxy is starting or stopping. Try again in a moment.")
        return send_refusal(refusal, scope, send, call_id)
    if scope["method"] == "OPTIONS":
        return send_whole(send, 204, [(b"allow", ALLOWED), (b"x-aipc-request-id", call_id.encode())], b"")
    return Exchange(_process, scope, receive, send, call_id, started_at).run()


class Exchange:
    """One call. Made, run and dropped by one task."""

    _target: Target | None = None
    # Whose call it is while it has no record of its own: a refusal is then the only trace of it.
    _unrecorded_for: KeyFacts | None = None
    _entered: KeyFacts | None = None  # whose call it is while it counts among those that run
    _is_answer_started = False

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
        self._head = head = scope.get(HEAD)  # of our server
        self._asking = (head and head.note) or Asking(scope["headers"])
        running = (scope.get("extensions") or {}).get(RUNNING)
        self._cycle = cycle = running() if running is not None else PlainCycle(receive)
        self._send = send
        self._call_id = call_id
        self._started_at = started_at
        self._observed = Observed(time.monotonic())
        limit = process.settings.max_body_bytes
        self._receiver = BodyReceiver(receive, process.budget, limit=limit, whole_body=cycle.whole_body)
        self._watch = ClientWatch(cycle.when_gone, process.watches, asyncio.current_task(process.loop))

    async def run(self) -> None:
        """The steps, and what the client is told when one of them fails."""
        asking, observed, keys = self._asking, self._observed, self._process.keys
        try:
            target = self._target = asking.target(self._scope)  # Step 1.
            observed.provider, observed.route = target.provider.name, target.kind.name
            own_key = asking.platform_key()  # Step 2.
            self._unrecorded_for = key = find_key(keys, own_key) or await look_key_up(keys, own_key)
            self._process.limits.enter(key.api_key_id)
            self._entered = key
            provider_key = asking.provider_key(target)  # Step 3.
            if not provider_key:
                sandbox.check(target.provider, target.kind)
            body = None
            if asking.content(target).is_json:  # Step 4.
                body = self._receiver.read_at_once()
                if body is None:
                    body = await self._read_on()
            request = read_request(target, asking, self._receiver, body)
            record = self._open_record(target, key, request, is_simulated=not provider_key)
            self._unrecorded_for = None
            if isinstance(self._head, Sighting) and body is not None and self._head.is_repeated:
                # What was read of it holds for the next call with the same one, now that all of it was in order.
                self._head.remember(asking)
            await self._carry_out(target, provider_key, request, record)
        except Refusal as refusal:
            await self._tell(refusal)
        except ClientGone:
            return
        except Exception:
            log.exception("The proxied call %s failed", self._call_id)
            await self._tell_failure()
        finally:
            self._leave()
            self._process.metrics.note(observed)

    # Step 4: what is asked.

    async def _read_on(self) -> bytes:
        """The body, of which a part is still to come."""
        length: int | None = self._scope.get(LENGTH)
        if length is None:
            told = heads.find_header(self._asking.headers, b"content-length") or b""
            length = int(told) if told.isdigit() else None
        return await self._receiver.read_all(length)

    # What the client is told where a step fails, and the end.

    async def _tell(self, refusal: Refusal) -> None:
        self._leave()
        whose = await self._find_owner(refusal)
        if whose is not None:
            self._process.refusals.note(whose, refusal.code)
        await self._answer(refusal)

    async def _find_owner(self, refusal: Refusal) -> KeyFacts | None:
        """Whose call is refused, where no record will tell."""
        if self._target is None:  # A wrong address is told first, whoever asks; with a known key it is kept, too.
            try:
                return await look_key_up(self._process.keys, self._asking.platform_key())
            except Refusal as other:
                return other.facts
        return refusal.facts or self._unrecorded_for

    async def _tell_failure(self) -> None:
        if not self._is_answer_started:  # Else the server closes the connection of an answer without an end.
            self._leave()
            await self._answer(Refusal(500, "internal_error", "The proxy failed on this call.", retryable=True))

    async def _answer(self, refusal: Refusal) -> None:
        self._observed.status = refusal.status
        self._process.metrics.refused(refusal.code)
        await send_refusal(refusal, self._scope, self._send, self._call_id)

    def _leave(self) -> None:
        """Gives back what this call held. Once is enough."""
        self._watch.stop()
        self._receiver.release()
        if self._entered is not None:
            self._process.limits.leave(self._entered.api_key_id)
            self._entered = None

    # Step 7 begins before the provider is called: from here on the call cannot vanish.

    def _open_record(self, target: Target, key: KeyFacts, request: Request, *, is_simulated: bool) -> CallRecord:
        facts = self._asking.facts(target, key, request.metadata, request.model, streamed=request.is_streamed)
        return CallRecord(
            self._process.journal,
            self._process.inflight,
            facts,
            call_id=self._call_id,
            started_at=self._started_at,
            arrived=self._observed.arrived_at,
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
            if provider_key:
                answer = await self._ask(target, provider_key, request)
                self._observed.answered_at = time.monotonic()
            else:
                answer = simulated_answer(target, request, self._call_id)
            record.status = answer.status
            record.provider_request_id = provider_request_id(answer, target.provider)
            if answer.status == 401:
                told = await tell_unauthorized(target.provider, provider_key, answer)
            else:
                told = tell(target, answer, proxy_url=self._process.settings.proxy_url)
            answer = told.answer
            meter = self._meter(target, request, record, answer)
            if not self._pass_on_at_once(target, request, record, told, meter):
                await self._pass_on(target, request, record, told, meter)
            if meter.is_unreadable:
                log.warning("The answer of the call %s is encoded in a way that nobody here can read.", self._call_id)
        except (UpstreamError, Refusal) as failure:
            if isinstance(failure, UpstreamError) and answer is not None:
                # The client's stream breaks as the provider's did: the server closes the connection.
                self._break_off(record, meter, error_code=code_of(failure))
                return
            raise _close_refused(record, meter, failure, target.provider) from None
        except asyncio.CancelledError:
            if not self._watch.recover():
                self._break_off(record, meter, error_code="server_shutdown")
                raise
            await self._finish_without_client(record, answer, meter)
        finally:
            record.close(meter.reading, error_code="internal_error")
            if answer is not None:
                answer.abort()

    def _ask(self, target: Target, provider_key: bytes, request: Request) -> Awaitable[Answer]:
        process, asking = self._process, self._asking
        headers: heads.Headers = asking.sent(
            target, provider_key, decoded=request.is_decoded, identity=request.injects_usage
        )
        body: Body = request.body
        if not body:
            headers, body = unread_body(target, request, asking, headers, self._receiver, self._watch)
        url = asking.url(target, process.settings.origins[target.provider.name])
        self._observed.ask(self._receiver.waited_seconds)
        return process.upstream.send(target.method, url, headers, body)

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

    def _pass_on_at_once(self, target: Target, request: Request, record: CallRecord, told: Told, meter: Meter) -> bool:
        """The usual answer: all of it is here, and can be written now. False, and nothing done, for any other."""
        if isinstance(meter, StreamMeter) or self._process.journal.syncs_always or not self._cycle.is_free:
            return False
        body = take_whole(told.answer)
        if body is None:
            return False
        headers, _ = client_headers(
            told, method=target.method, call_id=self._call_id, warnings=request.warnings, drops_usage=False
        )
        self._is_answer_started = True
        self._observed.status = told.status
        self._cycle.start(told.status, headers)
        part = feed_whole(meter, body)
        if body:
            record.first_byte_at = time.monotonic()
        record.close(meter.reading)
        self._cycle.end(part)
        self._observed.begin()
        return True

    async def _pass_on(self, target: Target, request: Request, record: CallRecord, told: Told, meter: Meter) -> None:
        """As it comes."""
        is_stream = isinstance(meter, StreamMeter)
        drops = isinstance(meter, StreamMeter) and meter.drops_usage
        headers, length = client_headers(
            told, method=target.method, call_id=self._call_id, warnings=request.warnings, drops_usage=drops
        )
        delivery = Delivery(self._send, self._watch, length=length, write=self._cycle.write)

        async def close_record() -> None:
            record.first_byte_at = delivery.first_byte_at
            record.first_token_at = delivery.first_token_at if record.is_streamed else 0.0
            began_at = time.monotonic()
            record.close(meter.reading)
            await record.sync()
            self._observed.work_on(began_at)

        self._is_answer_started = True
        self._observed.status = told.status
        if target.method == "HEAD" or told.answer.status in {204, 304} or length == 0:
            meter.finish()
            await close_record()  # the headers are the whole answer
        await delivery.start(told.status, headers, is_body_here=not is_stream and is_body_here(told.answer))
        self._observed.begin()
        metrics = self._process.metrics
        metrics.open_streams += is_stream
        try:
            await delivery.pass_on(told.answer, meter, close_record)
        finally:
            metrics.open_streams -= is_stream

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
        if self._is_answer_started and not record.is_closed:
            self._process.metrics.cut_short(error_code)
        record.close(meter.reading, error_code=error_code)


def _close_refused(record: CallRecord, meter: Meter, failure: UpstreamError | Refusal, provider: Provider) -> Refusal:
    """What the client is told, which the record says, too."""
    refusal = no_answer(failure, provider) if isinstance(failure, UpstreamError) else failure
    record.status = record.status or refusal.status
    record.close(meter.reading, error_code=refusal.code, was_served=refusal.status == 504)
    return refusal
