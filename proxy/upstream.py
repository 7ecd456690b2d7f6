"""The one door to a provider: send a request, get status and headers, read the body as it arrives.

`Client` is a narrow interface of ours. `proxy.http1` stands behind it, or `proxy.aiohttp_client`. Neither decodes or
follows anything.

UpstreamError
|- UpstreamUnreachable   no connection; nothing was sent
|- UpstreamSilent        connected, and then nothing for longer than the setting allows
`- UpstreamBroken        the connection ended before the answer did
"""

from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import Protocol

from proxy.providers.base import Header

Body = bytes | AsyncIterator[bytes] | None


class UpstreamError(Exception):
    pass


class UpstreamUnreachable(UpstreamError):
    pass


class UpstreamSilent(UpstreamError):
    pass


class UpstreamBroken(UpstreamError):
    pass


class Answer(Protocol):
    """A provider's answer whose body is still arriving."""

    status: int

    @property
    def headers(self) -> Iterable[Header]:
        """Names in lower case."""

    async def read(self) -> bytes:
        """The next bytes as they came; b"" at the end. Raises `UpstreamSilent` or `UpstreamBroken`."""

    def abort(self) -> None:
        """Drop the connection, whatever is still to come. Harmless after the end."""


class Client(Protocol):
    """Whatever sends requests to the providers. One for each process, opened in its event loop."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def send(self, method: str, url: str, headers: list[Header], body: Body) -> Awaitable[Answer]:
        """The answer once its headers are there, their names in lower case. Raises `UpstreamError`."""


class ReadAhead:
    """An answer whose first part was read already."""

    def __init__(self, answer: Answer, first: bytes) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._answer = answer
        self._first = first

    async def read(self) -> bytes:
        first, self._first = self._first, b""
        return first or await self._answer.read()

    def abort(self) -> None:
        self._answer.abort()
