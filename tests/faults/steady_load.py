"""Calls that go on until they are told to end, by clients that keep connections in pools and repeat nothing.

Half of them go by httpx, which the official Python SDKs use. Some clients pause for as long as pools keep a connection.
"""

import asyncio
import random
import threading
from collections.abc import Iterator

import httpx

from tests.faults.load import Call, Load, headers_of, open_session, question

LONGEST_PAUSE_SECONDS = 7.0  # httpx keeps an idle connection for 5 s


class SteadyLoad(Load):
    def begin(self, at_once: int) -> None:
        self._is_over = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._go_on(at_once)), name="load")
        self._thread.start()

    def end(self) -> None:
        self._is_over = True
        self.wait()

    @property
    def failed(self) -> list[Call]:
        return [call for call in self.calls if not call.is_complete or call.status != 200]

    async def _go_on(self, at_once: int) -> None:
        turns = iter(range(1_000_000))
        half = at_once // 2
        async with (
            open_session() as session,
            httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_keepalive_connections=100)) as client,
        ):
            by_aiohttp = [self._call_on(session, turns) for _ in range(half)]
            by_httpx = [self._call_by_httpx(client, turns, is_restful=not place % 4) for place in range(half)]
            await asyncio.gather(*by_aiohttp, *by_httpx)

    async def _call_by_httpx(self, client: httpx.AsyncClient, turns: Iterator[int], *, is_restful: bool) -> None:
        for _ in turns:
            if self._is_over:
                return
            call = self.new_call()
            ask = question(call)
            headers = headers_of(call, ask)
            try:
                async with client.stream("POST", self.url_of(ask), json=ask.body, headers=headers) as answer:
                    call.status = answer.status_code
                    call.id = answer.headers["x-aipc-request-id"]
                    async for _ in answer.aiter_bytes():
                        pass
                call.is_complete = call.status == 200
            except httpx.HTTPError as error:
                call.error = repr(error)
            self._note(lambda: None)
            if is_restful:
                await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
