"""Headers of a call: whose keys they carry, which of them pass, and which are set. No I/O.

Names are lower-case bytes, as ASGI gives them.
"""

from collections.abc import Iterable

from proxy.errors import Refusal
from proxy.http1.heads import Writable, can_be_written
from proxy.http1.layouts import Fields
from proxy.providers.base import Header, Provider

Headers = list[Header]
PLATFORM_KEY_PREFIX = "apc_"

# RFC 9110 section 7.6.1, and `proxy-*` of its section 11.7.
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
_NOT_UPSTREAM = _HOP_BY_HOP | frozenset(
    b"host content-length authorization x-api-key api-key cookie x-provider-key x-sandbox forwarded expect "
    b"accept-encoding x-real-ip".split()
)
_NOT_UPSTREAM_PREFIXES = (b"x-aipc-", b"x-forwarded-")
# Who comes with two of these that differ is understood in two ways.
_ONCE = frozenset(
    b"authorization x-api-key x-provider-key content-type content-encoding x-sandbox "
    b"x-aipc-prompt-key x-aipc-tags x-aipc-version".split()
)
# They speak of the provider's host, and a browser would take them for ours: cookies, that it is to be called by TLS or
# elsewhere alone (RFC 6797, RFC 7838), that data of it is to be cleared, where errors of it are reported.
_NOT_BACK = _HOP_BY_HOP | frozenset(
    b"set-cookie set-cookie2 strict-transport-security alt-svc clear-site-data nel report-to".split()
)
JSON = b"application/json"
_NO_NAMES: frozenset[bytes] = frozenset()
_NOT_NAMED_AWAY = frozenset({b"content-type", b"content-encoding", b"content-length"})
_PASSED_ENCODINGS = (b"gzip", b"deflate", b"identity")


class Received(list[Header]):
    """A request's headers, in which one is found without a walk through all of them."""

    __slots__ = ("first",)

    def __init__(self, headers: Iterable[Header]) -> None:
        super().__init__(headers)
        self.first = dict(reversed(self))  # the first of each name: it is set last


def find_header(headers: Iterable[Header], name: bytes) -> bytes | None:
    """The first value under that name, without surrounding white space."""
    if isinstance(headers, Fields):
        at = headers.layout.at.get(name)
        return None if at is None else headers.values[at].strip()
    if isinstance(headers, Received):
        value = headers.first.get(name)
        return None if value is None else value.strip()
    for found, value in headers:
        if found == name:
            return value.strip()
    return None


def refuse_ambiguous(headers: Headers) -> None:
    """Raises `Refusal` 400 where a header that may come once comes with two values."""
    names = dict(headers)
    if len(names) == len(headers):
        return
    for once in _ONCE.intersection(names):
        if len({value.strip() for name, value in headers if name == once}) > 1:
            raise Refusal(400, "ambiguous_header", f"The header {once.decode()} came twice, with different values.")


def find_text(headers: Headers, name: bytes) -> str | None:
    """A header of ours as text: UTF-8, else Latin-1."""
    value = find_header(headers, name)
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def platform_key(headers: Headers) -> str:
    """The platform key: `Authorization: Bearer apc_...`, else `x-api-key: apc_...`.

    Raises `Refusal` 401 without one.
    """
    authorization = (find_header(headers, b"authorization") or b"").decode("latin-1")
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() == "bearer" and token.startswith(PLATFORM_KEY_PREFIX):
        return token
    api_key = (find_header(headers, b"x-api-key") or b"").decode("latin-1")
    if api_key.startswith(PLATFORM_KEY_PREFIX):
        return api_key
    raise Refusal(401, "platform_key_missing", _missing_key_message(authorization, api_key))


def _missing_key_message(authorization: str, api_key: str) -> str:
    wanted = (
        "Send your AI Prompt Cost key (apc_...) as 'Authorization: Bearer <key>' "
        "and your provider key as 'X-Provider-Key'."
    )
    if authorization.startswith(PLATFORM_KEY_PREFIX):
        return "The Authorization header must be formatted as 'Bearer <key>'."
    if authorization or api_key:
        return f"The request carries no AI Prompt Cost key. {wanted}"
    return f"The Authorization header is missing. {wanted}"


def provider_key(headers: Headers, provider: Provider) -> bytes:
    """The provider key of `X-Provider-Key`, trimmed. Raises `Refusal` 401 without one."""
    key = find_header(headers, b"x-provider-key")
    if not key:
        raise Refusal(
            401,
            "provider_key_missing",
            f"The X-Provider-Key header is missing. Send your {provider.label} API key in it.",
        )
    if key.startswith(PLATFORM_KEY_PREFIX.encode()):
        raise Refusal(
            401,
            "provider_key_missing",
            f"X-Provider-Key holds an AI Prompt Cost key. Send your {provider.label} API key in it.",
        )
    return key


def upstream_headers(headers: Headers, provider: Provider, key: bytes, *, decoded: bool, identity: bool) -> Headers:
    """What goes to the provider: all end-to-end headers as sent, one credential, and an encoding that can be read.

    `decoded`: the body's content encoding was undone. `identity`: the answer must not be compressed.
    """
    named = _connection_options(headers)
    sent = [
        header
        for header in headers
        if (name := header[0]) not in _NOT_UPSTREAM
        and name not in named
        and not name.startswith(_NOT_UPSTREAM_PREFIXES)
    ]
    if decoded:
        sent = [(name, value) for name, value in sent if name != b"content-encoding"]
    present = dict(sent)
    if b"_" in b"".join(present):
        sent = [(name, value) for name, value in sent if not _passes_for_another(name)]
    sent += [header for header in provider.default_headers() if header[0] not in present]
    sent.append(provider.credential(key))
    encoding = b"identity" if identity else _readable_encodings(headers)
    if encoding:
        sent.append((b"accept-encoding", encoding))
    return sent


def _passes_for_another(name: bytes) -> bool:
    """Whether a server that takes "_" for "-" (as CGI does, RFC 3875, section 4.1.18) takes it for a header of ours."""
    meant = name.replace(b"_", b"-")
    return meant in _NOT_UPSTREAM or meant in _ONCE or meant.startswith(_NOT_UPSTREAM_PREFIXES)


def _connection_options(headers: Iterable[Header]) -> frozenset[bytes]:
    """The further hop-by-hop headers that `Connection` names. End-to-end ones that matter cannot be named away."""
    lines = [value for name, value in headers if name == b"connection"]
    if not lines:
        return _NO_NAMES
    return frozenset(map(bytes.strip, b",".join(lines).lower().split(b","))) - _NOT_NAMED_AWAY


def _readable_encodings(headers: Headers) -> bytes:
    """`accept-encoding` reduced to what the usage reader can decode; empty when the client sent none."""
    lines = [value for name, value in headers if name == b"accept-encoding"]
    if not lines:
        return b""
    offered = [item.strip() for line in lines for item in line.split(b",")]
    kept = [item for item in offered if item.partition(b";")[0].strip().lower() in _PASSED_ENCODINGS]
    return b", ".join(kept) or b"identity"


def client_headers(headers: Iterable[Header], *, status: int, call_id: str, drop_length: bool) -> Headers:
    """What comes back: the provider's end-to-end headers without its cookies, and our request id."""
    named = _connection_options(headers)
    back = [
        header
        for header in headers
        if (name := header[0]) not in _NOT_BACK
        and name not in named
        and not name.startswith(b"x-aipc-")
        and not (drop_length and name == b"content-length")
    ]
    if not can_be_written(back):
        back = [header for header in back if can_be_written([header])]
    if status == 204 or status < 200:
        back = [(name, value) for name, value in back if name != b"content-length"]
    back.append((b"x-aipc-request-id", call_id.encode()))
    return Writable(back)


def content_type(headers: Headers) -> bytes:
    """Type and subtype in lower case; b"" without one."""
    value = find_header(headers, b"content-type")
    return value.partition(b";")[0].strip().lower() if value else b""


def is_json(kind: bytes) -> bool:
    """Whether that content type is JSON (RFC 6839, section 3.1, for those that end in `+json`)."""
    return kind == JSON or kind.endswith(b"+json")


def warning(messages: tuple[str, ...]) -> bytes:
    return "; ".join(messages).encode("ascii", "replace")[:1000]


def refuse_upgrade(headers: Headers) -> None:
    """Raises `Refusal` for a WebSocket's handshake (RFC 6455, section 4.1)."""
    if b"websocket" in (find_header(headers, b"upgrade") or b"").lower():
        raise Refusal(400, "websocket_unsupported", "WebSocket connections are not proxied. Use the HTTP API.")
