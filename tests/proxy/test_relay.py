"""The end of an answer: the client may leave with it, and is still expected to take it."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from proxy.meter import UnreadMeter
from proxy.relay import ClientWatch, Delivery, never_at_once, watch_for_stalls

pytestmark = pytest.mark.trial


class OnePart:
    def __init__(self) -> None:
        self._left = [b"all of it"]

    async def read(self) -> bytes:
        return self._left.pop() if self._left else b""


@pytest.mark.parametrize("length", [9, None])
def test_a_client_that_does_not_take_the_last_part_is_not_waited_for_for_ever(length: int | None) -> None:
    taken: list[bytes] = []
    asked: list[object] = []
    recorded: list[bool] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        if not message["more_body"]:
            await asyncio.Event().wait()
        taken.append(message["body"])

    async def record() -> None:
        recorded.append(True)

    async def main() -> None:
        watches: set[ClientWatch] = set()
        looking = asyncio.create_task(watch_for_stalls(watches, 0.1))
        watch = ClientWatch(asked.append, watches, asyncio.current_task())
        watch.start()
        delivery = Delivery(send, watch, length=length, write=never_at_once)
        with pytest.raises(asyncio.CancelledError):
            await delivery.pass_on(OnePart(), UnreadMeter(), record)
        assert watch.recover()
        assert (watch.reason, watches, delivery.is_complete) == ("client_stalled", {watch}, True)
        watch.stop()
        assert not watches
        looking.cancel()

    asyncio.run(asyncio.wait_for(main(), 5))
    assert taken == ([] if length else [b"all of it"])
    assert recorded
    assert asked[1:] == [None]  # Nobody is told any more that the client leaves, and that once.
