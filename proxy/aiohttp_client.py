"""The upstream client on aiohttp, selected by `UPSTREAM_CLIENT`. What aiohttp leaves open is closed here."""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import aiohttp
import yarl
from aiohttp.client_proto import ResponseHandler

from proxy.providers.base import Header
from proxy.small_reads import SmallReads
from proxy.tls import connect_tls
from proxy.upstream import Answer, Body, UpstreamBroken, UpstreamSilent, UpstreamUnreachable

_MAX_HEADER_BYTES = 64 * 1024
_WAITING_BYTES = 2 * 1024  # of one answer twice as much waits here for its client, and one read


class AiohttpUpstream:
    """Connections to the providers, kept alive between calls. One for each process, opened in its event loop."""

    def __init__(self, *, connect_timeout: float, silence_timeout: float, ca_file: str = "") -> None:
        """`ca_file`: certificates trusted beside the system's."""
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout, sock_read=silence_timeout)
        self._head_seconds = connect_timeout + silence_timeout
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None
        self._bodies: dict[ResponseHandler, aiohttp.StreamReader] = {}  # the latest of each connection

    async def open(self) -> None:
        context = ssl.create_default_context()
        if self._ca_file:
            context.load_verify_locations(self._ca_file)
        # aiohttp 3.14 leaves the timer of `sock_read` on where a reader was slow, and it spoils the idle connection.
        idle_seconds = min(20.0, (self._timeout.sock_read or 40.0) / 2)
        connector = aiohttp.TCPConnector(ssl=context, limit=0, ttl_dns_cache=60, keepalive_timeout=idle_seconds)
        connector._factory = partial(_Connection, loop=asyncio.get_running_loop())  # type: ignore[assignment]
        self._session = aiohttp.ClientSession(
            connector=connector,
            read_bufsize=_WAITING_BYTES,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
        )

        connector._loop = cast("asyncio.AbstractEventLoop", _SmallTls(connector._loop))

    async def close(self) -> None:
        if self._session is None:
            return
        if self._session.connector is not None:  # whose tasks are the real loop's
            self._session.connector._loop = asyncio.get_running_loop()
        await self._session.close()

    async def send(self, method: str, url: str, headers: list[Header], body: Body) -> Answer:
        """The answer once its headers are there. `url` goes on the wire as it is, percent-encoding included."""
        assert self._session is not None
        # 1xx answers without end are silence, too. (An upload may take longer than that.)
        patience = self._head_seconds if body is None or isinstance(body, bytes) else None
        try:
            async with asyncio.timeout(patience):
                response = await self._session.request(
                    method,
                    yarl.URL(url, encoded=True),
                    headers=[(name.decode("latin-1"), _text(value)) for name, value in headers],
                    data=body,
                    allow_redirects=False,
                )
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            raise UpstreamUnreachable from error
        except (aiohttp.ServerTimeoutError, TimeoutError) as error:
            raise UpstreamSilent from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpstreamBroken from error
        self._follow(response)
        codings = response.headers.getall("Transfer-Encoding", [])
        if codings and [coding.strip().lower() for coding in codings] != ["chunked"]:
            response.close()  # aiohttp 3.14 passes the chunks on as they are, or the coding over.
            raise UpstreamBroken
        return _AiohttpAnswer(response)

    def _follow(self, response: aiohttp.ClientResponse) -> None:
        """End the reading of a body whose connection is gone. aiohttp 3.14 closes a connection on framing that it
        cannot parse, but does not tell the body's reader, who would wait forever.
        """
        protocol = response.connection.protocol if response.connection is not None else None
        if protocol is None:
            return  # The body is here already.
        if protocol not in self._bodies and (closed := protocol.closed) is not None:
            closed.add_done_callback(partial(self._end_body, protocol))
        self._bodies[protocol] = response.content

    def _end_body(self, protocol: ResponseHandler, closed: "asyncio.Future[None]") -> None:
        closed.exception()  # Taken note of, so that nothing is logged.
        body = self._bodies.pop(protocol)
        if not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the framing cannot be parsed"))


class _SmallTls:
    """The connector's event loop, but for how connections with TLS are made."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(self, make: Callable[[], ResponseHandler], **options: Any) -> Any:
        context = options.get("ssl")
        if context is None:
            return await self._loop.create_connection(make, **options)
        return await connect_tls(make, options["sock"], context, options["server_hostname"])


class _Connection(ResponseHandler):
    """aiohttp's, read in small pieces."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        transport.set_protocol(_SmallReads(self))


class _SmallReads(SmallReads):
    def __init__(self, connection: _Connection) -> None:
        self.data_received = connection.data_received  # type: ignore[method-assign]
        self.connection_lost = connection.connection_lost  # type: ignore[method-assign]
        self.eof_received = connection.eof_received  # type: ignore[method-assign]
        self.pause_writing = connection.pause_writing  # type: ignore[method-assign]
        self.resume_writing = connection.resume_writing  # type: ignore[method-assign]


def _text(value: bytes) -> str:
    """A header's value as the text that aiohttp turns into the same bytes: it writes UTF-8. (Latin-1 becomes UTF-8.)"""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class _AiohttpAnswer:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: list[Header] = [(name.lower(), value) for name, value in response.raw_headers]

    async def read(self) -> bytes:
        try:
            return await self._response.content.readany()
        except (aiohttp.SocketTimeoutError, TimeoutError) as error:
            raise UpstreamSilent from error
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            raise UpstreamBroken from error

    def abort(self) -> None:
        self._response.close()
