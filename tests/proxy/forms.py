"""Multipart forms as the SDKs send them (RFC 7578)."""

from collections.abc import Mapping

BOUNDARY = "a9f0c2"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def form(
    fields: Mapping[str, str], file: bytes | None = None, *, name: str = "file", file_first: bool = False
) -> bytes:
    """The fields in their order and one file, after them or before them."""
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode() for key, value in fields.items()]
    if file is not None:
        head = b'Content-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        part = head + b"Content-Type: application/octet-stream\r\n\r\n" + file
        parts.insert(0 if file_first else len(parts), part)
    mark = BOUNDARY.encode()
    return b"".join(b"--%b\r\n%b\r\n" % (mark, part) for part in parts) + b"--%b--\r\n" % mark
