"""Opens connections: names into addresses, addresses raced (RFC 8305, "happy eyeballs"), TLS with the certificate's
name checked.
"""

import asyncio
import contextlib
import itertools
import socket
import ssl
from collections.abc import Callable
from typing import Any

from proxy.http1.connection import Connection
from proxy.tls import connect_tls
from proxy.upstream import UpstreamUnreachable

_NEXT_ATTEMPT_SECONDS = 0.25  # RFC 8305 section 5
_NAMES_KEPT_SECONDS = 30.0
# A connection that says nothing for minutes is usual here, and what stands between must not forget it meanwhile.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 60, "TCP_KEEPCNT": 5}

Address = tuple[int, Any]  # the family, and what the socket connects to


class Origin:
    """Scheme, host and port (RFC 9110 section 4.3.1), from the text between the URL's "//" and its path."""

    __slots__ = ("addresses", "authority", "host", "is_tls", "looked_up_at", "port")

    def __init__(self, scheme: str, authority: str) -> None:
        """Raises ValueError where that is no origin."""
        host, _, port = (
            authority.rpartition(":") if authority[-1:].isdigit() and ":" in authority else (authority, "", "")
        )
        if scheme not in {"http", "https"} or not host or "@" in authority or not authority.isascii():
            raise ValueError(f"no origin: {scheme}://{authority}")
        self.is_tls = scheme == "https"
        self.host = host.strip("[]")
        self.port = int(port or (443 if self.is_tls else 80))
        self.authority = authority.encode()
        self.addresses: asyncio.Task[list[Address]] | None = None
        self.looked_up_at = 0.0


def tls_context(ca_file: str) -> ssl.SSLContext:
    """The system's trust, and that of `ca_file` if it is given."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


async def dial(origin: Origin, context: ssl.SSLContext, patience: float, make: Callable[[], Connection]) -> Connection:
    """Raises `UpstreamUnreachable`; nothing was sent then."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(patience):
            connected = await _race(await _resolve(origin))
            if origin.is_tls:
                _, connection = await connect_tls(make, connected, context, origin.host)
            else:
                _, connection = await loop.create_connection(make, sock=connected)
    except (OSError, TimeoutError, UnicodeError) as error:  # `ssl.SSLError` is an OSError.
        origin.addresses = None
        raise UpstreamUnreachable(f"{origin.host} cannot be reached") from error
    return connection


async def _resolve(origin: Origin) -> list[Address]:
    """Asked once for all who wait, and kept for seconds only: providers move."""
    now = asyncio.get_running_loop().time()
    if origin.addresses is None or (origin.addresses.done() and now >= origin.looked_up_at + _NAMES_KEPT_SECONDS):
        origin.looked_up_at = now
        origin.addresses = asyncio.create_task(_look_up(origin.host, origin.port))
    return await asyncio.shield(origin.addresses)


async def _look_up(host: str, port: int) -> list[Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return _interleaved([(family, address) for family, _, _, _, address in found])


def _interleaved(addresses: list[Address]) -> list[Address]:
    """Families in turn, the resolver's first choice first (RFC 8305 section 4)."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    others = [address for address in addresses if address[0] != addresses[0][0]]
    pairs = itertools.zip_longest(first, others)
    return [address for pair in pairs for address in pair if address is not None]


async def _race(addresses: list[Address]) -> socket.socket:
    """The first socket to connect. The next address gets its turn when the one before fails, or takes long."""
    attempts: set[asyncio.Task[socket.socket]] = set()
    waiting = list(addresses)
    failure: BaseException = OSError("the name has no address")
    try:
        while waiting or attempts:
            if waiting:
                attempts.add(asyncio.create_task(_connect(*waiting.pop(0))))
            patience = _NEXT_ATTEMPT_SECONDS if waiting else None
            done, _ = await asyncio.wait(attempts, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                attempts.discard(attempt)
                if (error := attempt.exception()) is None:
                    return attempt.result()
                failure = error
        raise failure
    finally:
        for attempt in attempts:
            attempt.cancel()
            attempt.add_done_callback(_close_late)


def _close_late(attempt: "asyncio.Task[socket.socket]") -> None:
    """An attempt that connected although it had lost."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _connect(family: int, address: Any) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.settimeout(0)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE.items():
            with contextlib.suppress(AttributeError, OSError):  # Not every system has each of them.
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        await asyncio.get_running_loop().sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made
