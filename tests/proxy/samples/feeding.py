"""Feeding an answer to a meter, cut at any places."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise

from proxy.meter import Meter
from proxy.providers.base import Reading

COMPRESSIONS: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"gzip", gzip.compress),
    (b"deflate", zlib.compress),
    (b"deflate", lambda data: zlib.compress(data, wbits=-15)),
)


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = [0, *sorted(cuts), len(data)]
    return (data[start:end] for start, end in pairwise(places))


def feed(meter: Meter, *chunks: bytes) -> bytes:
    """All that the meter gives out until the answer's end."""
    return b"".join([*[meter.feed(chunk) for chunk in chunks], meter.finish()])


def told(reading: Reading) -> tuple[object, ...]:
    """Everything that a reading says, for comparing two of them."""
    return tuple(getattr(reading, name) for name in Reading.__struct_fields__)
