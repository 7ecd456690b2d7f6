"""A provider that costs next to nothing: fixed answers of 1 KB JSON and of 50 SSE chunks, on asyncio.Protocol."""

import asyncio
import json
import sys
from typing import cast

USAGE = {"prompt_tokens": 120, "completion_tokens": 50, "total_tokens": 170}
_HEAD = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-4o-2024-08-06"}
_CHOICE = {"index": 0, "message": {"role": "assistant", "content": "x" * 700}, "finish_reason": "stop"}
_JSON = json.dumps({**_HEAD, "choices": [_CHOICE], "usage": USAGE}).encode()
JSON_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_JSON) + _JSON


def _event(choices: list[object], usage: object) -> bytes:
    body = {**_HEAD, "object": "chat.completion.chunk", "choices": choices, "usage": usage}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_EVENTS = [_event([{"index": 0, "delta": {"content": " word"}, "finish_reason": None}], None) for _ in range(50)]
_EVENTS += [_event([{"index": 0, "delta": {}, "finish_reason": "stop"}], None), _event([], USAGE), b"data: [DONE]\n\n"]
STREAM_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"".join(_chunk(event) for event in _EVENTS)
    + b"0\r\n\r\n"
)


class Upstream(asyncio.Protocol):
    """Answers every request whose body has arrived; knows Content-Length alone."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            self.transport.write(STREAM_ANSWER if b'"stream":true' in body else JSON_ANSWER)


async def main(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1])))
