"""What a town's clients do at once, for as long as they are let: ask, poll background responses, fetch batches.

Paced, since a machine that is only just keeping up shows nothing of recovering.
"""

import asyncio
import json
import random
import threading
import time
from collections.abc import Awaitable, Callable, Sequence

import aiohttp

from tests.faults.load import Ask, Call, Load, as_json, open_session, question

PROMPTS = 24
_POLLS = 8
_PAUSE = 0.1  # between two polls, and before somebody who was not answered calls again
Choose = Callable[[random.Random], str]
# A client of its own kind, called again and again: (traffic, random) -> when it has done one thing.
Client = Callable[["Traffic", random.Random], Awaitable[None]]


def usual(chance: random.Random) -> str:
    """Half of the answers take a moment, so that many calls are on their way at any time."""
    return chance.choice(("", "", "head_delay_ms=150", "chunk_delay_ms=10"))


class Made:
    """A created object whose outcome a client is after. `fetch` asks once, and says whether that was the outcome."""

    def __init__(self, object_id: str, fetch: Callable[[aiohttp.ClientSession], Awaitable[bool]]) -> None:
        self.object_id = object_id
        self.fetch = fetch
        self.is_told = False
        self.is_left = False  # nobody ever asks for it

    async def follow(self, session: aiohttp.ClientSession) -> None:
        for _ in range(_POLLS):
            if self.is_told:
                return
            await asyncio.sleep(_PAUSE)
            self.is_told = await self.fetch(session)


class Traffic(Load):
    def __init__(
        self,
        port: int,
        platform_keys: Sequence[str],
        *,
        seed: int,
        rate: float,
        choose: Choose | None = None,
        clients: Sequence[Client] = (),
    ) -> None:
        """`rate` is calls a second. `choose` says how the provider is to behave; `clients` call beside the others."""
        super().__init__(port, platform_keys[0])
        self.platform_keys = list(platform_keys)
        self.random = random.Random(seed)
        self.made: list[Made] = []
        self._pause = 1 / rate
        self._next = 0.0
        self._choose = choose or usual
        self._clients = clients

    @property
    def told(self) -> list[str]:
        return [made.object_id for made in self.made if made.is_told]

    def begin(self, at_once: int) -> None:
        self._is_over = False
        self._next = time.monotonic()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._go_on(at_once)), name="traffic")
        self._thread.start()

    def end(self) -> None:
        self._is_over = True
        self.wait()

    def settle(self) -> None:
        """When all is well again: ask for what was not told, but what is left alone, which stays pending."""

        async def ask() -> None:
            async with open_session() as session:
                for made in self.made:
                    if not made.is_left:
                        await made.follow(session)

        asyncio.run(ask())

    async def _go_on(self, at_once: int) -> None:
        async with open_session() as session:
            visitors = (self._in_background, self._openai_batch, self._anthropic_batch)
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(self._ask_on(session))
                for visit in visitors:
                    group.create_task(self._visit_on(session, visit))
                for number, client in enumerate(self._clients):
                    group.create_task(self._client_on(client, number))

    async def _ask_on(self, session: aiohttp.ClientSession) -> None:
        while not self._is_over:
            self._next = max(self._next + self._pause, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, self._next - time.monotonic()))
            call = self.next_call()
            call.platform_key = self.random.choice(self.platform_keys)
            await self.make(session, call, question(call, self._choose(self.random)))
            if not call.status:
                await asyncio.sleep(_PAUSE)

    def next_call(self) -> Call:
        return self.new_call(f"prompt-{len(self.calls) % PROMPTS}")

    async def _client_on(self, client: Client, number: int) -> None:
        chance = random.Random(f"{self.random.random()} {number}")
        while not self._is_over:
            await client(self, chance)

    # --- What is told later ---

    async def _visit_on(
        self, session: aiohttp.ClientSession, visit: Callable[[aiohttp.ClientSession], Awaitable[Made | None]]
    ) -> None:
        while not self._is_over:
            made = await visit(session)
            if made is not None:
                self.made.append(made)
                made.is_left = not len(self.made) % 7
                if not made.is_left:
                    await made.follow(session)
            await asyncio.sleep(_PAUSE)

    async def _answer(self, session: aiohttp.ClientSession, ask: Ask, *, is_free: bool = True) -> dict[str, object]:
        """Of a call that was answered whole and well; else nothing."""
        call = self.new_call("" if is_free else "later")
        call.is_free = is_free
        received = await self.make(session, call, ask)
        return as_json(received) if call.is_complete else {}

    async def _in_background(self, session: aiohttp.ClientSession) -> Made | None:
        about = {"prompt_key": "later"}
        body: dict[str, object] = {"model": "gpt-4o", "input": "Think!", "background": True, "_aipromptcost": about}
        object_id = (await self._answer(session, Ask("openai/responses", body), is_free=False)).get("id")

        async def fetch(session: aiohttp.ClientSession) -> bool:
            answer = await self._answer(session, Ask(f"openai/responses/{object_id}", method="GET"))
            return answer.get("status") == "completed"

        return Made(str(object_id), fetch) if object_id else None

    async def _openai_batch(self, session: aiohttp.ClientSession) -> Made | None:
        asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "One of many."}]}
        lines = [
            {"custom_id": f"line-{number}", "method": "POST", "url": "/v1/chat/completions", "body": asked}
            for number in range(3)
        ]
        form = {"purpose": "batch", "content": "".join(json.dumps(line) + "\n" for line in lines)}
        file_id = (await self._answer(session, Ask("openai/files", form=form))).get("id")
        if not file_id:
            return None
        about = {"prompt_key": "later"}
        body: dict[str, object] = {"input_file_id": file_id, "endpoint": "/v1/chat/completions"}
        body |= {"completion_window": "24h", "_aipromptcost": about}
        batch_id = (await self._answer(session, Ask("openai/batches", body), is_free=False)).get("id")

        async def fetch(session: aiohttp.ClientSession) -> bool:
            batch = await self._answer(session, Ask(f"openai/batches/{batch_id}", method="GET"))
            if not batch.get("output_file_id"):
                return False
            return await self._download(session, f"openai/files/{batch['output_file_id']}/content")

        return Made(str(batch_id), fetch) if batch_id else None

    async def _anthropic_batch(self, session: aiohttp.ClientSession) -> Made | None:
        asked = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": "One."}]}
        requests = [{"custom_id": f"line-{number}", "params": asked} for number in range(3)]
        body: dict[str, object] = {"requests": requests, "_aipromptcost": {"prompt_key": "later"}}
        ask = Ask("anthropic/v1/messages/batches", body)
        batch_id = (await self._answer(session, ask, is_free=False)).get("id")
        path = f"anthropic/v1/messages/batches/{batch_id}"

        async def fetch(session: aiohttp.ClientSession) -> bool:
            batch = await self._answer(session, Ask(path, method="GET"))
            return batch.get("processing_status") == "ended" and await self._download(session, f"{path}/results")

        return Made(str(batch_id), fetch) if batch_id else None

    async def _download(self, session: aiohttp.ClientSession, path: str) -> bool:
        call = self.new_call("")
        call.is_free = True
        await self.make(session, call, Ask(path, method="GET"))
        return call.is_complete
