"""Reading from providers in small pieces, so that what a slow client does not take stays with the provider.

The event loops' own reads are of 256 KB, and that a client is slow is seen only after one was taken. What it costs and
saves: benchmarks/README.md, "Slow readers".
"""

import asyncio

# One for all connections: it is emptied before the loop reads on.
_BUFFER = memoryview(bytearray(4 * 1024))


class SmallReads(asyncio.BufferedProtocol):
    """A protocol with `data_received`, and no `asyncio.Protocol`: of those uvloop does not ask for a buffer."""

    __slots__ = ()
    reads_into = _BUFFER

    def data_received(self, data: bytes) -> None:
        raise NotImplementedError

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.reads_into

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self.reads_into[:nbytes]))
