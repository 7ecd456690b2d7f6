"""How an answer travels: framing, compression, pauses, cuts, silence and garbage, as the scenario says."""

import asyncio
import email.utils
import zlib
from http import HTTPStatus

from tests.fake_provider.answer import Answer, Request
from tests.fake_provider.connection import Connection
from tests.fake_provider.log import Exchange
from tests.fake_provider.scenario import Moment, Scenario

_GARBAGE_EVENT = b'data: {"this is": not JSON\n\n'


class Cut(Exception):
    """The scenario broke the connection."""


class Delivery:
    """The way of one answer to one client. `released` ends the silences."""

    def __init__(self, connection: Connection, scenario: Scenario, released: asyncio.Event) -> None:
        self.connection, self.scenario, self.released = connection, scenario, released

    async def send(self, request: Request, answer: Answer, exchange: Exchange) -> bool:
        """Whether the connection can take another request. Raises `Cut`."""
        scenario = self.scenario
        await asyncio.sleep(scenario.head_delay_ms / 1000)
        await self._reach("before-headers")
        encoding = self._encoding(request)
        pieces = self._pieces(answer, encoding)
        is_empty = request.method == "HEAD" or answer.status in {204, 304}
        framing = scenario.framing or ("chunked" if answer.is_stream else "content-length")
        size = sum(map(len, pieces)) if framing == "content-length" else None
        exchange.head_sent = self._head(answer, framing, encoding, size)
        await self.connection.write(self._informational() + exchange.head_sent)
        while scenario.garbage == "endless-head":
            await self.connection.write(b"x-more: and more\r\n" * 50)
            await asyncio.sleep(0.005)
        await self._reach("after-headers")
        if not is_empty:
            await self._send_body(pieces, framing == "chunked", exchange)
        await self.connection.flush()
        return framing != "close" and not scenario.hangs_up and request.header("connection").lower() != "close"

    async def _send_body(self, pieces: list[bytes], is_chunked: bool, exchange: Exchange) -> None:
        scenario = self.scenario
        middle = self._middle(pieces)
        for index, piece in enumerate(pieces):
            if index == middle:
                await self._reach("mid-body")
                if scenario.garbage == "chunk-size":
                    await self.connection.write(b"zz\r\nnot a chunk\r\n")
                if scenario.garbage == "half-chunk":
                    await self._break_off(b"%x\r\n%b" % (len(piece), piece[: len(piece) // 2]))
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece
            await self.connection.write(framed)
            exchange.body_bytes_sent += len(piece)
            exchange.pieces_sent.append(piece)
            if scenario.chunk_delay_ms:
                await asyncio.sleep(scenario.chunk_delay_ms / 1000)
            elif index % 64 == 63:
                await asyncio.sleep(0)  # Lets the other calls of this server go on.
        if middle >= len(pieces):
            await self._reach("mid-body")
        if is_chunked:
            trailers = b"x-trailer: late\r\n" if scenario.has_trailers else b""
            await self.connection.write(b"0\r\n" + trailers + b"\r\n")

    def _middle(self, pieces: list[bytes]) -> int:
        """The index of the piece before which "mid-body" is."""
        scenario = self.scenario
        if scenario.at_byte is not None:
            passed = 0
            for index, piece in enumerate(pieces):
                if passed >= scenario.at_byte:
                    return index
                passed += len(piece)
            return len(pieces)
        return len(pieces) // 2 if scenario.at_event is None else scenario.at_event

    async def _reach(self, moment: Moment) -> None:
        scenario = self.scenario
        if scenario.hold_at == moment:
            await self.released.wait()
        if scenario.cut_at == moment:
            await self.connection.flush()
            if scenario.cut_by == "reset":
                self.connection.reset()
            else:
                self.connection.close()
            raise Cut

    async def _break_off(self, last: bytes) -> None:
        await self.connection.write(last)
        await self.connection.flush()
        self.connection.close()
        raise Cut

    def _encoding(self, request: Request) -> str:
        accepted = request.header("accept-encoding").lower()
        is_wanted = self.scenario.encoding and (self.scenario.is_encoding_forced or self.scenario.encoding in accepted)
        return self.scenario.encoding if is_wanted else ""

    def _pieces(self, answer: Answer, encoding: str) -> list[bytes]:
        scenario = self.scenario
        pieces = answer.pieces
        if scenario.raw_body is not None:
            pieces = [scenario.raw_body.encode()]
        if scenario.garbage == "event":
            middle = len(pieces) // 2
            pieces = [*pieces[:middle], _GARBAGE_EVENT, *pieces[middle:]]
        if scenario.has_crlf:
            pieces = [piece.replace(b"\n", b"\r\n") for piece in pieces]
        if encoding:
            packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
            pieces = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
            pieces.append(packer.flush())
        needs_halves = "mid-body" in {scenario.hold_at, scenario.cut_at} or scenario.garbage in {
            "chunk-size",
            "half-chunk",
        }
        offsets = set(scenario.split_at) | ({scenario.at_byte} if scenario.at_byte else set())
        if len(pieces) == 1 and needs_halves and not offsets and not scenario.split:
            offsets = {len(pieces[0]) // 2}
        if scenario.split:
            body = b"".join(pieces)
            return [body[start : start + scenario.split] for start in range(0, len(body), scenario.split)]
        if offsets:
            body = b"".join(pieces)
            if not scenario.split_at:  # The events stay apart; only one more boundary is added.
                passed = 0
                for piece in pieces:
                    offsets.add(passed := passed + len(piece))
            ends = sorted({offset for offset in offsets if 0 < offset < len(body)} | {len(body)})
            return [body[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        return [piece for piece in pieces if piece]

    def _informational(self) -> bytes:
        link = b"link: </style.css>; rel=preload\r\n"
        return b"".join(b"HTTP/1.1 %d Early\r\n%b\r\n" % (status, link) for status in self.scenario.informational)

    def _head(self, answer: Answer, framing: str, encoding: str, size: int | None) -> bytes:
        scenario = self.scenario
        if scenario.garbage == "status-line":
            return b"THIS IS NOT HTTP\r\n\r\n"
        replaced = {name.lower() for name, _ in scenario.headers}
        headers = [("Date", email.utils.formatdate(usegmt=True))]
        headers += [(name, value) for name, value in answer.headers if name.lower() not in replaced]
        headers += scenario.headers
        if scenario.location:
            headers.append(("Location", scenario.location))
        if encoding:
            headers.append(("Content-Encoding", encoding))
        match framing:
            case "chunked":
                headers.append(("Transfer-Encoding", "chunked"))
            case "content-length":
                headers.append(("Content-Length", str(size)))
            case _:
                headers.append(("Connection", "close"))
        if framing != "close":
            headers.append(("Connection", "keep-alive"))
        status = scenario.status or answer.status
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Overloaded"
        lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
        if scenario.garbage == "header":
            lines.append("no colon in this line")
        if scenario.garbage == "endless-head":
            return "\r\n".join([*lines, ""]).encode("latin-1")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
