"""Sends one request and hands back its answer: which connection, how the body goes out, when to try a second time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from proxy.http1 import requests
from proxy.http1.connection import Connection
from proxy.http1.dialing import Origin, tls_context
from proxy.http1.exchange import Exchange
from proxy.http1.pool import Pool
from proxy.http1.requests import BadRequest, RequestHead, Reusable
from proxy.http1.upload import SLICE, Upload
from proxy.providers.base import Header
from proxy.upstream import Answer, Body, UpstreamBroken

# RFC 9110 section 10.1.1: a client does not wait for ever for 100 (Continue).
_CONTINUE_SECONDS = 1.0
_MAX_ORIGINS = 100


class LeanUpstream:
    """`proxy.upstream.Client` with its own HTTP/1.1."""

    def __init__(self, *, connect_timeout: float, silence_timeout: float, ca_file: str = "") -> None:
        self._connect_timeout = connect_timeout
        self._silence_timeout = silence_timeout
        self._ca_file = ca_file
        self._origins: dict[tuple[str, str], Origin] = {}
        self._pool: Pool | None = None

    async def open(self) -> None:
        self._pool = Pool(
            tls_context(self._ca_file), connect_timeout=self._connect_timeout, silence_timeout=self._silence_timeout
        )

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
            await asyncio.sleep(0)  # The sockets are closed in the loop's next round.

    @property
    def connections(self) -> int:
        return len(self._pool) if self._pool is not None else 0

    async def send(self, method: str, url: str, headers: list[Header], body: Body) -> Answer:
        """The answer once its head is there. `url` and `headers` go on the wire as they are."""
        pool = self._pool
        assert pool is not None
        length = len(body) if isinstance(body, bytes) else None
        try:
            if length is not None and isinstance(headers, Reusable):
                origin, head = self._encode_again(method, url, headers, length)
            else:
                origin, target = self._split(url)
                has_body = body is not None
                head = requests.encode(method, target, origin.authority, headers, has_body=has_body, length=length)
        except (BadRequest, ValueError) as error:
            raise UpstreamBroken(f"the request cannot be sent: {error}") from error
        connection, is_fresh = pool.take(origin), False
        while True:
            if connection is None:
                connection, is_fresh = await pool.dial(origin), True
            exchange = Exchange(method, pool.loop, closes=head.closes)
            try:
                if body is None or (isinstance(body, bytes) and len(body) <= SLICE and not head.expects):
                    exchange.is_sent = exchange.is_one_write = True
                    connection.begin(exchange, head.raw + body if body else head.raw)
                    while not exchange.status:
                        await exchange.more()
                else:
                    connection.begin(exchange, head.raw)
                    await _send_large(connection, exchange, head, body)
                return exchange
            except BaseException as failure:
                exchange.abort()
                if is_fresh or not isinstance(failure, UpstreamBroken) or not _may_go_again(exchange, head, body):
                    raise
            connection = None

    def _encode_again(self, method: str, url: str, headers: Reusable, length: int) -> tuple[Origin, RequestHead]:
        """What was made of the same headers for the same address before, with this length."""
        made = headers.made.get((method, url))
        if made is None:
            origin, target = self._split(url)
            head = requests.encode(method, target, origin.authority, headers, has_body=True, length=length)
            own = b"content-length: %d\r\n\r\n" % length
            if not (head.expects or head.closes) and head.raw.endswith(own):
                headers.made[method, url] = origin, head.raw.removesuffix(own)
            return origin, head
        origin, begun = made
        return origin, RequestHead(method, b"%bcontent-length: %d\r\n\r\n" % (begun, length), length)

    def _split(self, url: str) -> tuple[Origin, bytes]:
        """Origin and target (RFC 9112 section 3.2.1). Nothing is normalised."""
        scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        origin = self._origins.get((scheme, authority))
        if origin is None:
            if len(self._origins) >= _MAX_ORIGINS:
                raise ValueError("too many origins")
            origin = self._origins[scheme, authority] = Origin(scheme, authority)
        return origin, (slash + path).encode()


def _may_go_again(exchange: Exchange, head: RequestHead, body: Body) -> bool:
    """RFC 9112 section 9.3.1: the server may close an idle connection just as a request is on its way. Only one that is
    safe to send twice is, unless nothing of it was sent: what costs money may have been done, though nothing was heard
    of it.
    """
    is_safe = head.is_safe and not exchange.has_heard and isinstance(body, bytes | None)
    return is_safe or exchange.is_untouched


async def _send_large(
    connection: Connection, exchange: Exchange, head: RequestHead, body: bytes | AsyncIterator[bytes]
) -> None:
    """The body goes out while the answer is waited for. An answer that comes earlier ends the sending
    (RFC 9112 section 9.3: such a connection is not used again).
    """
    if head.expects:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CONTINUE_SECONDS):
                await exchange.told_to_go_on()
        if exchange.status:
            return
    upload = Upload(connection, exchange, body, head.length)
    sending = asyncio.create_task(upload.run())
    try:
        while not exchange.status:
            await exchange.more()
    except UpstreamBroken:
        if upload.has_failed:
            raise upload.take_failure() from None
        raise
    finally:
        sending.cancel()
        await asyncio.wait([sending])
