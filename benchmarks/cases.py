"""What is asked and answered: each case with its request, the upstream that answers it, and how it is loaded."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks import answers
from benchmarks.load import Request

CHAT, EMBEDDINGS = "/chat/completions", "/embeddings"
METADATA = {"_aipromptcost": {"prompt_key": "bench", "feature_tags": ["a", "b"]}}
# What peers that need several times as long are measured with, too.
_FOR_SLOW_ONES = {"json-1k", "json-1k-1", "sse-50", "sse-50-paced"}


@dataclass(frozen=True)
class Case:
    """One row for each target."""

    name: str
    title: str
    route: str
    members: dict[str, object]
    answer: str  # a name of benchmarks.upstream
    usage: tuple[int, int]  # what the journal must say of each call
    connections: int = 32
    seconds: float = 1.0
    whole: Callable[[], bytes] | None = None  # nginx answers it, where it is there
    measures_first_byte: bool = False

    @property
    def is_for_slow_ones(self) -> bool:
        return self.name in _FOR_SLOW_ONES

    @property
    def is_streamed(self) -> bool:
        return bool(self.members.get("stream"))

    def request(self, *, prefix: str, headers: dict[str, str], with_metadata: bool) -> Request:
        members = {**self.members, **(METADATA if with_metadata else {})}
        body = json.dumps(members, separators=(",", ":")).encode()
        return Request(prefix + self.route, {"content-type": "application/json", **headers}, body)


def _chat(characters: int, **members: object) -> dict[str, object]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": "y" * characters}], **members}


_USAGE = (answers.USAGE["prompt_tokens"], answers.USAGE["completion_tokens"])
_JSON = Case("json-1k", "JSON 1 KB", CHAT, _chat(800), "chat", _USAGE, whole=answers.chat)
_STREAM = Case("sse-50", "SSE 50 chunks, at once", CHAT, _chat(800, stream=True), "sse-50", _USAGE)
_TEXTS: dict[str, object] = {"model": "text-embedding-3-small", "input": ["y" * 300] * answers.INPUTS}

CASES = [
    _JSON,
    replace(_JSON, name="json-1k-1", title="JSON 1 KB, 1 connection", connections=1),
    replace(_JSON, name="json-100k", title="JSON, request of 100 KB", members=_chat(100_000)),
    _STREAM,
    replace(_STREAM, name="sse-50-first", title="SSE 50 chunks, first byte", connections=1, measures_first_byte=True),
    replace(_STREAM, name="sse-50-together", title="SSE 50 chunks, in one write", answer="sse-50-together"),
    replace(
        _STREAM, name="sse-50-paced", title="SSE 50 chunks, 2 ms each", answer="sse-50-paced", connections=8, seconds=2
    ),
    replace(_STREAM, name="sse-1000", title="SSE 1,000 chunks", answer="sse-1000", connections=8, seconds=1.5),
    Case(
        "embeddings-1m",
        "embeddings, answer of 1 MB",
        EMBEDDINGS,
        _TEXTS,
        "embeddings",
        (answers.EMBEDDING_USAGE["prompt_tokens"], 0),
        connections=8,
        seconds=1.5,
        whole=answers.embeddings,
    ),
]


def named(names: list[str]) -> list[Case]:
    """Those with these names, or all. Raises `SystemExit` for an unknown one."""
    known = [case.name for case in CASES]
    if unknown := set(names) - set(known):
        raise SystemExit(f"Unknown: {', '.join(unknown)}. The cases are {', '.join(known)}.")
    return [case for case in CASES if not names or case.name in names]
