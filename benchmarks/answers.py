"""What the fake upstreams answer: the wire shapes of a chat completion, its stream and embeddings, with their usage.

A provider sends each event of a stream by itself, as an HTTP chunk in a write of its own. No I/O.
"""

import json
from random import Random

USAGE = {"prompt_tokens": 120, "completion_tokens": 50, "total_tokens": 170}
EMBEDDING_USAGE = {"prompt_tokens": 8000, "total_tokens": 8000}
INPUTS, DIMENSIONS = 29, 1536
_HEAD = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-4o-2024-08-06"}


def chat() -> bytes:
    """A chat completion of 1 KB."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "x" * 700}, "finish_reason": "stop"}
    return json.dumps({**_HEAD, "choices": [choice], "usage": USAGE}).encode()


def embeddings() -> bytes:
    """A megabyte of vectors."""
    chance = Random(7)
    vectors = [
        {"object": "embedding", "index": index, "embedding": [chance.uniform(-0.1, 0.1) for _ in range(DIMENSIONS)]}
        for index in range(INPUTS)
    ]
    return json.dumps(
        {"object": "list", "data": vectors, "model": "text-embedding-3-small", "usage": EMBEDDING_USAGE}
    ).encode()


def events(count: int) -> list[bytes]:
    """The events of a stream with `count` words, and those that end it: why, the usage, and that it is over."""
    words = [_event([{"index": 0, "delta": {"content": " word"}, "finish_reason": None}], None)] * count
    end = [_event([{"index": 0, "delta": {}, "finish_reason": "stop"}], None), _event([], USAGE)]
    return [*words, *end, b"data: [DONE]\n\n"]


def _event(choices: list[object], usage: object) -> bytes:
    body = {**_HEAD, "object": "chat.completion.chunk", "choices": choices, "usage": usage}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def is_usage_event(event: bytes) -> bool:
    return b'"choices": []' in event


def with_length(body: bytes) -> bytes:
    """An answer with a head that tells its length."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def in_chunks(parts: list[bytes]) -> list[bytes]:
    """What is written for a stream: its head, each part as a chunk, the end with the last one."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    written = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]
    return [head + written[0], *written[1:-1], written[-1] + b"0\r\n\r\n"]
