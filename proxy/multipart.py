"""Picking the small fields out of a multipart form (RFC 7578) while it passes: which model, whether it is streamed.

Pure. The form goes to the provider byte for byte, and one that cannot be parsed is merely not read.
"""

import logging
from typing import TYPE_CHECKING

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from proxy.body import METADATA_MEMBER, Members

if TYPE_CHECKING:  # The library has the name for type checkers alone.
    from python_multipart.multipart import MultipartCallbacks

_MAX_PARTS = 256  # a form with more is not read further
_MAX_VALUE_BYTES = 1024
_MAX_LOOKALIKES = 100_000  # of a boundary's start: the parser is slow on each
_FILE = ""  # in place of a name: the part is a file, or nobody knows what

# It would log single bytes of what users send.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


def find_boundary(content_type: bytes) -> bytes:
    """The boundary of a form, b"" when the body is none."""
    kind, options = parse_options_header(content_type)
    return options.get(b"boundary", b"") if kind == b"multipart/form-data" else b""


class FormReader:
    """Reads one form chunk by chunk. Never raises."""

    def __init__(self, boundary: bytes) -> None:
        self._values: dict[str, bytes] = {}
        self.has_metadata = False  # a field `_aipromptcost` is in it, on its way to the provider
        self._parts = self._lookalikes = 0
        self._name = _FILE
        self._value = b""
        self._header = b""
        self._header_value = b""
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_to_header,
            "on_header_value": self._add_to_header_value,
            "on_header_end": self._end_header,
            "on_part_data": self._add_to_value,
            "on_part_end": self._end_part,
        }
        self._parser: MultipartParser | None = None
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError:
            return

    def feed(self, chunk: bytes) -> None:
        if self._parser is None:
            return
        self._lookalikes += chunk.count(b"\n--")
        try:
            self._parser.write(chunk)
        except FormParserError:
            self._parser = None
        if self._parts > _MAX_PARTS or self._lookalikes > _MAX_LOOKALIKES:
            self._parser = None

    @property
    def members(self) -> Members:
        """The small fields seen so far, each as a JSON text."""
        return {
            name: msgspec.Raw(msgspec.json.encode(value.decode("utf-8", "replace")))
            for name, value in self._values.items()
        }

    @property
    def is_streamed(self) -> bool:
        return self._values.get("stream", b"").strip().lower() in {b"true", b"1"}

    def _begin_part(self) -> None:
        self._parts += 1
        self._name, self._value = _FILE, b""

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_to_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._header_value)
            name = options.get(b"name", b"").decode("utf-8", "replace")
            # The SDKs write the members of an object as fields of their own: `_aipromptcost[prompt_key]`.
            is_metadata = name.partition("[")[0] == METADATA_MEMBER
            self.has_metadata = self.has_metadata or is_metadata
            self._name = _FILE if is_metadata or b"filename" in options else name
        self._header = self._header_value = b""

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        if self._name:
            self._value += data[start:end]
            if len(self._value) > _MAX_VALUE_BYTES:
                self._name = _FILE

    def _end_part(self) -> None:
        if self._name:
            self._values[self._name] = self._value
