"""Multipart form data as requests carry it (RFC 7578), kept as bytes."""

import dataclasses
import email.message

from tests.fake_provider.answer import Refused


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    name: str
    filename: str  # "" for a plain field
    content_type: str
    content: bytes


class Form:
    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts

    def text(self, name: str, default: str = "") -> str:
        return next((part.content.decode() for part in self.parts if part.name == name), default)

    def files(self, *names: str) -> list[Part]:
        """The files under one of these names, in order."""
        return [part for part in self.parts if part.filename and part.name in names]

    def file(self, name: str) -> Part:
        found = self.files(name)
        if not found:
            raise Refused(400, f"Missing required parameter: '{name}'.", param=name)
        return found[0]


def is_form(content_type: str) -> bool:
    return content_type.lower().startswith("multipart/form-data")


def read_form(content_type: str, body: bytes) -> Form:
    """Raises `Refused` where it is none, or is not complete."""
    boundary = _header_of(content_type).get_param("boundary")
    if not is_form(content_type) or not isinstance(boundary, str):
        raise Refused(400, "Expected a multipart/form-data body with a boundary.")
    mark = b"--" + boundary.encode()
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise Refused(400, "The multipart body ends before its last boundary.")
    return Form([_read_part(piece) for piece in pieces[1:-1]])


def _read_part(piece: bytes) -> Part:
    head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    named = {}
    for line in head.decode().split("\r\n"):
        name, _, value = line.partition(":")
        named[name.strip().lower()] = value.strip()
    disposition = _header_of(named.get("content-disposition", ""))
    field, filename = disposition.get_param("name"), disposition.get_param("filename")
    return Part(str(field or ""), str(filename or ""), named.get("content-type", ""), content)


def _header_of(value: str) -> email.message.Message:
    message = email.message.Message()
    message["content-type"] = value
    return message
