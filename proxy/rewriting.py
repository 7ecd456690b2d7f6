"""The one change to an answer's body: addresses of the provider that a client would follow with its platform key.

A message batch names the address of its results in full (API reference, "Message Batches", `results_url`), and
Anthropic's SDKs send their API key there. Behind this proxy that is the platform key, so the address must lead back
here (docs/adr/0008). Pure but for the answer that is read.
"""

import re
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from proxy.inflating import ENCODINGS, Inflater
from proxy.providers.base import Header, Provider, Route
from proxy.upstream import UpstreamBroken

# An unescaped quote cannot stand inside of a JSON text, so this is always a member's name with its value.
_ADDRESS = re.compile(rb'("results_url"\s*:\s*)("(?:[^"\\]|\\.)*")')
_NAME = b'"results_url"'
_COMPLETE = re.compile(rb'"results_url"(?:\s*:\s*(?:"(?:[^"\\]|\\.)*"|(?=[^"\s]))|\s*(?=[^:\s]))')
_MAX_HELD_BYTES = 16 * 1024
_RESULTS_PATH = re.compile(r".*?((?:/v1)?/messages/batches/[^/]+/results)")


class Answer(Protocol):
    status: int

    @property
    def headers(self) -> Iterable[Header]: ...

    async def read(self) -> bytes: ...

    def abort(self) -> None: ...


def is_needed(provider: Provider, kind: Route, headers: Iterable[Header]) -> bool:
    """Whether an answer with these headers (names in lower case) may hold such an address."""
    if provider.name != "anthropic" or not kind.name.startswith("messages/batches") or kind.reads == "results":
        return False
    found = dict(headers)
    encoding = found.get(b"content-encoding", b"").strip().lower()
    return b"json" in found.get(b"content-type", b"").lower() and encoding in {b"", b"identity", *ENCODINGS}


class RewrittenAnswer:
    """An answer whose addresses of results lead to `base` (as in https://costs.example.com/api/proxy/v1/anthropic).

    It is not compressed and has no announced length; nothing else is changed. Compressed data that is bad or cut short
    breaks it off.
    """

    def __init__(self, answer: Answer, base: str) -> None:
        self.status = answer.status
        dropped = {b"content-length", b"content-encoding"}
        self.headers = [(name, value) for name, value in answer.headers if name not in dropped]
        encoding = next((value for name, value in answer.headers if name == b"content-encoding"), b"")
        self._answer = answer
        self._inflater = Inflater(encoding.strip().lower())
        self._rewriter = AddressRewriter(base)
        self._is_ended = False

    async def read(self) -> bytes:
        while not self._is_ended:
            chunk = await self._answer.read()
            if not chunk:
                self._is_ended = True
                if not self._inflater.is_whole:
                    raise UpstreamBroken("the compressed answer is cut short")
                return self._rewriter.finish()
            part = b"".join(self._rewriter.feed(plain) for plain in self._inflater.feed(chunk))
            if not self._inflater.is_readable:
                raise UpstreamBroken("the compressed answer cannot be read")
            if part:
                return part
        return b""

    def abort(self) -> None:
        self._answer.abort()


class AddressRewriter:
    """Replaces the addresses in a JSON text that comes in pieces."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What may be passed on. A member that is not complete yet is held back."""
        text = self._held + chunk
        end = _safe_end(text)
        self._held = text[end:]
        return _ADDRESS.sub(self._replace, text[:end])

    def finish(self) -> bytes:
        rest, self._held = self._held, b""
        return rest

    def _replace(self, found: re.Match[bytes]) -> bytes:
        try:
            address = urlsplit(msgspec.json.decode(found[2], type=str))
        except ValueError:
            return found[0]
        path = _RESULTS_PATH.fullmatch(address.path)
        if path is None or not address.scheme:
            return found[0]
        query = f"?{address.query}" if address.query else ""
        return found[1] + msgspec.json.encode(f"{self._base}{path[1]}{query}")


def _safe_end(text: bytes) -> int:
    """Up to where no address begins that is not complete yet."""
    start = text.rfind(_NAME)
    complete = _COMPLETE.match(text, start) if start >= 0 else None
    if start >= 0 and complete is None and len(text) - start <= _MAX_HELD_BYTES:
        return start
    read = complete.end() if complete else 0
    for length in range(min(len(_NAME) - 1, len(text) - read), 0, -1):
        if text.endswith(_NAME[:length]):
            return len(text) - length
    return len(text)
