"""Calls that go on until they are told to end, by clients that keep connections in pools and repeat nothing.

Half of them go by httpx, which the official Python SDKs use. Some clients pause for as long as pools keep a connection.
"""

import asyncio
import random
import threading
from collections.abc import Iterator

import aiohttp
import httpx

from tests.faults.load import Call, Load

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
        numbers = iter(range(len(self.calls), 1_000_000))
        half = at_once // 2
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
            httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_keepalive_connections=100)) as client,
        ):
            by_aiohttp = [self._call_on(session, numbers) for _ in range(half)]
            by_httpx = [self._call_by_httpx(client, numbers, is_restful=not place % 4) for place in range(half)]
            await asyncio.gather(*by_aiohttp, *by_httpx)

    async def _call_by_httpx(self, client: httpx.AsyncClient, numbers: Iterator[int], *, is_restful: bool) -> None:
        for number in numbers:
            if self._is_over:
                return
            call = Call(number)
            self._note(lambda: self.calls.append(call))  # noqa: B023 - called here and now
            path, headers, body = self._request(call)
            try:
                async with client.stream("POST", self._url + path, json=body, headers=headers) as answer:
                    call.status = answer.status_code
                    call.id = answer.headers["x-aipc-request-id"]
                    async for _ in answer.aiter_bytes():
                        pass
                call.is_complete = True
            except httpx.HTTPError as error:
                call.error = repr(error)
            self._note(lambda: None)
            if is_restful:
                await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
