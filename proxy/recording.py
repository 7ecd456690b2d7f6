"""One call's way into the journal: room reserved and facts in a slot before the provider is called, one record at
its end.
"""

import time
from collections.abc import Callable

import msgspec

from analytics.usage import FactsWithoutCall, Outcome, State, TokenUsage, UsageSource, decode_facts, encode_ended
from proxy.errors import Refusal, unavailable
from proxy.failpoints import IS_ARMED, reach
from proxy.inflight import InflightFile, NoRoom
from proxy.journal import Journal, JournalFull, JournalHeldBack
from proxy.providers.base import BYTES_PER_TOKEN, Reading, label

_NO_USAGE = TokenUsage()


class CallRecord:
    """Opened before the provider is called, closed exactly once. Closing twice keeps the first."""

    status = 0
    provider_request_id = ""
    first_byte_at = 0.0
    first_token_at = 0.0
    is_closed = False

    def __init__(
        self,
        journal: Journal,
        inflight: InflightFile,
        facts: FactsWithoutCall,
        *,
        call_id: str,
        started_at: int,
        arrived: float,
        estimate_input: Callable[[], int],
        state: State = "complete",
    ) -> None:
        """`started_at`: microseconds since the epoch; `arrived`: on the monotonic clock. Raises `Refusal` 503 when the
        journal has no room.
        """
        self._journal = journal
        self._facts = facts
        self._encoded_facts = encoded = facts.encode(call_id, started_at)
        self._arrived = arrived
        self._estimate_input = estimate_input
        self._state: State = state
        try:
            journal.reserve()
        except JournalHeldBack:
            raise _too_far_behind() from None
        except JournalFull:
            raise _no_room() from None
        try:
            self._slot = inflight.enter(encoded)
        except NoRoom:
            journal.release()
            raise _no_room() from None
        if IS_ARMED:
            reach("call.slot_entered")

    @property
    def is_streamed(self) -> bool:
        return self._facts.streamed

    def learn(self, *, model_requested: str, streamed: bool) -> None:
        """Facts that were in a form, which is read only while it goes to the provider."""
        known = decode_facts(self._encoded_facts)
        self._facts = self._facts.replace(model_requested=model_requested, streamed=streamed)
        self._encoded_facts = self._facts.encode(known.id, known.started_at)

    def close(self, reading: Reading, *, error_code: str = "", was_served: bool = True) -> None:
        """Append the record. `was_served` false: the provider cannot have worked on the call, so nothing is
        estimated.
        """
        if self.is_closed:
            return
        self.is_closed = True
        outcome = self._outcome(reading, error_code or reading.error_code, was_served)
        if IS_ARMED:
            reach("call.before_append")
        self._journal.append(encode_ended(self._encoded_facts, outcome), self._slot)

    async def sync(self) -> None:
        """With `JOURNAL_SYNC=always`: until the record is on the disk itself."""
        if self._journal.syncs_always:
            await self._journal.sync()

    def _outcome(self, reading: Reading, error_code: str, was_served: bool) -> msgspec.Struct:
        usage = reading.usage
        source: UsageSource = reading.source
        if not reading.is_usage_complete and self._is_estimate_needed(reading, was_served):
            usage, source = self._estimated(reading), "estimated"
        elif usage is None:
            usage, source = _NO_USAGE, "none"
        status = self.status
        if error_code or status >= 400:
            error_code = label(error_code) or (f"http_{status}" if status >= 400 else "")
        state, object_id = self._state, ""
        if reading.is_pending and state == "complete":
            state, object_id = "pending", reading.object_id
        arrived = self._arrived
        return Outcome(
            state=state,
            model=reading.model,
            status=status,
            error_code=error_code,
            usage=usage,
            usage_source=source,
            latency_ms=round((time.monotonic() - arrived) * 1000),
            first_byte_ms=round((self.first_byte_at - arrived) * 1000) if self.first_byte_at else -1,
            first_token_ms=round((self.first_token_at - arrived) * 1000) if self.first_token_at else -1,
            finish_reason=reading.finish_reason,
            provider_request_id=self.provider_request_id,
            object_id=object_id,
            completion=reading.completion,
            aliases=reading.aliases,
        )

    def _is_estimate_needed(self, reading: Reading, was_served: bool) -> bool:
        return (
            was_served
            and not reading.is_pending  # a later answer tells
            and not (reading.error_code and reading.usage is None and not reading.text_bytes)  # refused in a 200 stream
            and self._facts.metering == "metered"
            and self._state == "complete"
            and (200 <= self.status < 300 or self.status in {0, 504})
        )

    def _estimated(self, reading: Reading) -> TokenUsage:
        """What the provider has reported, completed from text lengths."""
        output = reading.text_bytes // BYTES_PER_TOKEN
        if reading.usage is None:
            return TokenUsage(input=self._estimate_input(), output=output)
        fields = {name: getattr(reading.usage, name) for name in TokenUsage.__struct_fields__}
        return TokenUsage(**{**fields, "output": max(reading.usage.output, output)})


def _no_room() -> Refusal:
    return unavailable(
        "journal_full", "The usage journal has no room, so the call was not sent. Try again in a moment."
    )


def _too_far_behind() -> Refusal:
    message = "Too many usage records wait for the ledger, so the call was not sent. Try again in a moment."
    return unavailable("journal_backed_up", message, retry_after=5)
