"""Sends a body that is too large for one write, or still arriving, while the answer may already come."""

from collections.abc import AsyncGenerator, AsyncIterator

from proxy.http1.connection import Connection
from proxy.http1.exchange import Exchange
from proxy.upstream import UpstreamBroken

# A body up to this goes out with its head, in one write; a longer one in slices of this.
SLICE = 256 * 1024


class Upload:
    """`has_failed`: something ended it, other than being cancelled."""

    def __init__(
        self, connection: Connection, exchange: Exchange, body: bytes | AsyncIterator[bytes], length: int | None
    ) -> None:
        """`length` None: in chunks."""
        self._connection = connection
        self._exchange = exchange
        self._body = body
        self._left = length
        self._failure: Exception | None = None

    @property
    def has_failed(self) -> bool:
        return self._failure is not None

    def take_failure(self) -> Exception:
        """To be raised, once: kept here, it would keep the frames it is raised through, and they this."""
        failure, self._failure = self._failure, None
        assert failure is not None
        return failure

    async def run(self) -> None:
        try:
            if isinstance(self._body, bytes):
                view = memoryview(self._body)
                for start in range(0, len(view), SLICE):
                    await self._send(view[start : start + SLICE])
            else:
                await self._send_arriving(self._body)
            if self._left:
                raise UpstreamBroken("the body is shorter than its Content-Length")
            if self._left is None:
                await self._connection.write(b"0\r\n\r\n")
            self._exchange.is_sent = True
        except Exception as failure:  # noqa: BLE001 - raised where the answer is waited for
            self._failure = failure
            self._connection.fail(UpstreamBroken("the request's body broke off"))

    async def _send_arriving(self, body: AsyncIterator[bytes]) -> None:
        exchange = self._exchange
        exchange.owes_body = True
        try:
            async for chunk in body:
                exchange.owes_body = False
                if chunk:
                    await self._send(memoryview(chunk))
                exchange.owes_body = True
        finally:
            exchange.owes_body = False
            if isinstance(body, AsyncGenerator):
                await body.aclose()

    async def _send(self, piece: memoryview) -> None:
        if self._left is None:
            await self._connection.write(b"%x\r\n" % len(piece), piece, b"\r\n")
            return
        self._left -= len(piece)
        if self._left < 0:
            raise UpstreamBroken("the body is longer than its Content-Length")
        # With its last byte the request is whole, though the iterator may take a moment to say so.
        self._exchange.is_sent = self._left == 0
        await self._connection.write(piece)
