"""`X-Sandbox: true`: a simulated answer in the provider's format, without a provider, a provider key or a cost."""

import time

from proxy.errors import Refusal
from proxy.providers.base import BYTES_PER_TOKEN, Header, Provider, Route, SimulatedCall

TEXT = (
    "This is a simulated answer from the AI Prompt Cost sandbox. Your key works, your request was understood, "
    "and nothing was sent to {label}."
)


class SimulatedAnswer:
    """Has the shape of an upstream answer, so that it takes the same way to the client and into the journal."""

    status = 200

    def __init__(self, chunks: tuple[bytes, ...], content_type: bytes) -> None:
        self._chunks = list(chunks)
        self.headers: list[Header] = [(b"content-type", content_type), (b"x-aipc-sandbox", b"true")]

    async def read(self) -> bytes:
        return self._chunks.pop(0) if self._chunks else b""

    def abort(self) -> None:
        self._chunks.clear()


def is_wanted(value: bytes | None) -> bool:
    return value is not None and value.lower() in {b"true", b"1"}


def check(provider: Provider, kind: Route) -> None:
    """Raises `Refusal` 400 for a route that has no simulation."""
    if not kind.is_simulated:
        routes = " and ".join(provider.simulated)
        raise Refusal(
            400, "sandbox_unsupported", f"For {provider.label} the sandbox simulates {routes}, not this route."
        )


def answer(
    provider: Provider, *, call_id: str, model: str, input_tokens: int, is_streamed: bool, wants_usage: bool
) -> SimulatedAnswer:
    text = TEXT.format(label=provider.label)
    call = SimulatedCall(
        id=call_id,
        model=model,
        text=text,
        input_tokens=max(1, input_tokens),
        output_tokens=len(text) // BYTES_PER_TOKEN,
        is_streamed=is_streamed,
        wants_usage=wants_usage,
        created=int(time.time()),
    )
    simulation = provider.simulate(call)
    return SimulatedAnswer(simulation.chunks, simulation.content_type)
