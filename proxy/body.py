"""The request body of a JSON call: our metadata taken out, every other member left byte for byte.

Pure: bytes in, frozen values out; no Django, no network, no clock. Reading the body off the wire is
`proxy.receiving`'s.
"""

import json
import re
import secrets
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

METADATA_MEMBER = "_aipromptcost"
MAX_PROMPT_KEY = 128
MAX_TAGS = 20
MAX_TAG = 64
MAX_VERSION = 2**31 - 1
MAX_METADATA_BYTES = 64 * 1024
Members = dict[str, msgspec.Raw]
NO_PROMPT_KEY = "unknown"  # the name under which calls without a prompt key are shown, so it cannot be one

_REMEMBERED_BYTES = 512
FREE_BYTES = 256 * 1024
_MEMBER_BYTES = 160  # of memory, for the name of a member and for where its value is
_split_decoder = msgspec.json.Decoder(Members)
_raw_decoder = msgspec.json.Decoder(msgspec.Raw)
_text_decoder = msgspec.json.Decoder(str)
_encoder = msgspec.json.Encoder()
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
# One without its digits: what looks so, found quickly, and what is so, by the parity of the backslashes before it.
_MAYBE_BAD_SURROGATE = re.compile(rb"\\u[dD](?![0-9a-fA-F]{3})")
_BAD_SURROGATE = re.compile(rb"(?<!\\)(?:\\\\)*+" + _MAYBE_BAD_SURROGATE.pattern)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class MalformedBody(ValueError):
    """The body is not the JSON it says it is. The message is fit for the caller to read and quotes nothing of the
    body.
    """


class Metadata(msgspec.Struct, frozen=True):
    """What a call says of itself. `warnings` name each field that was dropped or cut, in plain ASCII."""

    prompt_key: str = ""
    tags: tuple[str, ...] = ()
    version: int = 0
    warnings: tuple[str, ...] = ()


NO_METADATA = Metadata()
_METADATA_FIELDS = frozenset({"prompt_key", "feature_tags", "version"})


def memory_to_split(body: bytes) -> int:
    """What `split` may take at most, told before it is spent: a member of five bytes costs a hundred. No matter up
    to `FREE_BYTES`.
    """
    return _MEMBER_BYTES * body.count(b":")


def split(body: bytes) -> Members | None:
    """The top-level members of a JSON object, each as its raw bytes; None when the JSON is not an object.

    Raises `MalformedBody` for anything that is not JSON. Of duplicate members the last one stays. A byte order mark is
    ignored (RFC 8259, section 8.1). No value is looked into: a few bytes can stand for much memory.
    """
    is_object = body[:1] == b"{"
    if not is_object:
        body = body.removeprefix(_BYTE_ORDER_MARK)
        is_object = body.lstrip(b" \t\n\r")[:1] in {b"{", b""}
    try:
        if is_object:
            return _split_decoder.decode(body)
        _check_other_json(body)
        return None
    except RecursionError:
        raise MalformedBody("The request body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        is_bad = bool(_MAYBE_BAD_SURROGATE.search(body) and _BAD_SURROGATE.search(body))
        if _SURROGATE_ESCAPE.search(body) and not is_bad:
            return _split_with_surrogates(body, is_object=is_object)
        raise MalformedBody(f"The request body is not valid JSON: {_reason(error)}.") from None


def _check_other_json(body: bytes) -> None:
    body.decode()
    _raw_decoder.decode(body)


def _reason(error: Exception) -> str:
    # msgspec names the kind of fault and the byte, never the text.
    text = str(error).removeprefix("JSON is malformed: ")
    return text if isinstance(error, msgspec.DecodeError) else "it is not UTF-8"


def _split_with_surrogates(body: bytes, *, is_object: bool) -> Members | None:
    """The same split for bodies in which an escaped surrogate stands alone, as JavaScript makes them by cutting an
    emoji in half. RFC 8259 section 8.2 allows them and the providers take them; msgspec does not.

    For the parser the start of each becomes an escape that it takes, and a mark by which it is found again.
    """
    mark = _mark_absent_from(body)
    masked = body.replace(b"\\ud", mark + b"d").replace(b"\\uD", mark + b"D")
    try:
        if not is_object:
            _check_other_json(masked)
            return None
        found = _split_decoder.decode(masked)
    except RecursionError:
        raise MalformedBody("The request body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedBody("The request body is not valid JSON.") from None
    members: Members = {}
    for name, value in found.items():
        is_marked = mark[2:].decode() in name
        meant = json.loads(json.dumps(name).replace(mark.decode(), "\\u")) if is_marked else name
        members[meant] = msgspec.Raw(bytes(value).replace(mark, b"\\u"))
    return members


def _mark_absent_from(body: bytes) -> bytes:
    while True:
        mark = b"\\n%b~" % secrets.token_hex(4).encode()
        if mark[2:] not in body:
            return mark


def join(members: Members) -> bytes:
    """The members as one JSON object. White space between top-level members is not kept."""
    try:
        return _encoder.encode(members)
    except UnicodeEncodeError:  # a lone surrogate in a member's name
        parts = (json.dumps(name).encode() + b":" + bytes(value) for name, value in members.items())
        return b"{" + b",".join(parts) + b"}"


def text_of(members: Members, name: str) -> str | None:
    """The member as text, or None when it is absent or no string."""
    raw = members.get(name)
    try:
        return None if raw is None else _text_decoder.decode(raw)
    except ValueError:
        return None


def is_true(members: Members, name: str) -> bool:
    raw = members.get(name)
    return raw is not None and bytes(raw).strip() == b"true"


def take_metadata(members: Members) -> Metadata:
    """Take `_aipromptcost` out of `members` and read it. Never raises: what cannot be used is dropped with a
    warning.
    """
    text = bytes(members.pop(METADATA_MEMBER, b"null"))
    return _read_again(text) if len(text) <= _REMEMBERED_BYTES else _read_metadata(text)


def _read_metadata(raw: bytes) -> Metadata:
    if len(raw) > MAX_METADATA_BYTES:
        return Metadata(warnings=(f"{METADATA_MEMBER} is larger than {MAX_METADATA_BYTES} bytes and was ignored",))
    try:
        value = _read_leniently(raw)
    except (ValueError, RecursionError):
        return Metadata(warnings=(f"{METADATA_MEMBER} is unreadable and was ignored",))
    if value is None:
        return NO_METADATA
    if not isinstance(value, dict):
        return Metadata(warnings=(f"{METADATA_MEMBER} is not an object and was ignored",))
    unknown = len(value.keys() - _METADATA_FIELDS)
    warnings = [f"{METADATA_MEMBER} has {unknown} unknown field(s), ignored"] if unknown else []
    return _read(value.get("prompt_key"), value.get("feature_tags"), value.get("version"), warnings)


_read_again = lru_cache(maxsize=1024)(_read_metadata)  # A program calls with the same few again and again.


def _read_leniently(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):  # one lone surrogate or 1e400 must not cost the other fields too
        return json.loads(raw)


def metadata_of_headers(prompt_key: str | None, tags: str | None, version: str | None) -> Metadata:
    """The same from the headers `x-aipc-prompt-key`, `x-aipc-tags` (comma-separated) and `x-aipc-version`."""
    if prompt_key is None and tags is None and version is None:
        return NO_METADATA
    return _read(prompt_key, tags.split(",") if tags else None, version, [])


def overlay(first: Metadata, second: Metadata) -> Metadata:
    """The fields of `first` where it has them, else those of `second`."""
    return Metadata(
        first.prompt_key or second.prompt_key,
        first.tags or second.tags,
        first.version or second.version,
        first.warnings + second.warnings,
    )


def _read(prompt_key: Any, tags: Any, version: Any, warnings: list[str]) -> Metadata:
    return Metadata(
        _read_prompt_key(prompt_key, warnings),
        _read_tags(tags, warnings),
        _read_version(version, warnings),
        tuple(warnings),
    )


def _read_prompt_key(value: Any, warnings: list[str]) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        return ""
    key = value.strip() if isinstance(value, str) else None
    if key is None or _CONTROL.search(key) or len(key) > MAX_PROMPT_KEY:
        warnings.append(
            f"prompt_key dropped: it must be text of at most {MAX_PROMPT_KEY} characters, no control characters"
        )
        return ""
    return "" if key == NO_PROMPT_KEY else key


def _read_tags(value: Any, warnings: list[str]) -> tuple[str, ...]:
    if value is None:
        return ()
    items: Iterable[Any] = value if isinstance(value, list) else [value]
    tags: dict[str, None] = {}
    for position, item in enumerate(items, start=1):
        text = str(item) if isinstance(item, int | float) and not isinstance(item, bool) else item
        tag = text.strip() if isinstance(text, str) else None
        if tag is None or len(tag) > MAX_TAG or _CONTROL.search(tag):
            if len(warnings) < 5:
                warnings.append(
                    f"feature_tags: tag {position} dropped: it must be text of at most {MAX_TAG} characters"
                )
        elif tag and len(tags) < MAX_TAGS:
            tags[tag] = None
        elif tag and tag not in tags:
            warnings.append(f"feature_tags: only the first {MAX_TAGS} tags are kept")
            break
    return tuple(tags)


def _read_version(value: Any, warnings: list[str]) -> int:
    if value is None or value == "":
        return 0
    number = value
    if (isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 20) or (
        isinstance(value, float) and value.is_integer()
    ):
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_VERSION:
        warnings.append("version dropped: it must be a whole number from 1 to 2147483647")
        return 0
    return number
