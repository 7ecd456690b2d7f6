"""What the proxied call needs to know of a provider, and what the providers' readers share.

Pure: provider payloads come in as bytes and leave as frozen values; no Django, no network, no clock.
"""

import re
from typing import Annotated, Any, Literal, Protocol

import msgspec

from analytics.usage import MAX_TOKENS, Alias, Completion, Metering, TokenUsage, UsageSource

Header = tuple[bytes, bytes]
Members = dict[str, msgspec.Raw]

# The members of an answer that say what it cost, for all readers: what to keep of one that is too large to keep whole.
WANTED_MEMBERS = frozenset(
    {
        "background",
        "duration",
        "error",
        "id",
        "incomplete_details",
        "model",
        "object",
        "output",
        "service_tier",
        "status",
        "stop_reason",
        "svg_usage",
        "tool_usage",
        "tools",
        "type",
        "usage",
    }
)

# Estimates stand in where a provider reported nothing, and the record says so. Four bytes of English text are about one
# token with both providers' tokenizers ("What are tokens and how to count them", OpenAI; "Token counting", Anthropic).
BYTES_PER_TOKEN = 4
IMAGE_TOKENS = 1_000  # an image of about a megapixel, between both providers' formulas
MAX_ID = 128  # of a provider's id for what it made
_MAX_DEPTH = 60
_MAX_MEASURED = 500_000  # values of a request: more would keep everybody waiting while they are counted
_IMAGE_TYPES = ("image", "image_url", "input_image", "document", "file", "input_audio")


class Route(msgspec.Struct, frozen=True):
    """What the proxied call needs to know of a route, given the method."""

    name: str  # the route class on the record: a pattern, or "other"
    metering: Metering
    reads: Literal["answer", "results", "nothing"] = "nothing"  # results: the lines of a batch
    required: tuple[str, ...] = ()  # body members without which the call is refused
    is_json_only: bool = False  # a body of another content type is refused
    is_billed_by_request: bool = False  # the provider's `read_request` is asked for what it tells
    asks_for_usage: bool = False  # a stream reports its usage only when asked to
    is_simulated: bool = False  # the sandbox answers it


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What of the request the reading of its answer may need."""

    model: str = ""
    object_id: str = ""  # the first {id} of the path
    usage: TokenUsage | None = None  # quantities known from the request, used when the answer reports none


class Reading(msgspec.Struct, gc=False):
    """What an answer has told so far. One reader fills one of these, event by event or in one go."""

    model: str = ""
    finish_reason: str = ""
    error_code: str = ""  # the provider's error type, of a failure inside the answer
    usage: TokenUsage | None = None
    source: UsageSource = "provider"  # where `usage` is from
    # Nothing further will be told: `usage` is all there is, or, where it is None, the answer does not say.
    is_usage_complete: bool = False
    text_bytes: int = 0  # length of the generated text seen, for an estimate
    is_finished: bool = False  # the terminal event was seen
    is_pending: bool = False  # the provider goes on working; what it uses is told by a later answer
    object_id: str = ""  # of what was created, while it is pending
    completion: Completion | None = None  # what this answer tells of an earlier call
    aliases: tuple[Alias, ...] = ()


class StreamReader(Protocol):
    """Reads the events of one stream."""

    reading: Reading
    # How a terminal event begins. A chunk that ends inside such an event is not passed on before the event is whole.
    terminal_starts: tuple[bytes, ...]

    def read(self, event: bytes) -> bool:
        """Take in one complete event. True when it exists only because we asked for usage, so the client must not
        see it.
        """


class ResultsReader(Protocol):
    """Reads the lines of a batch's results."""

    reading: Reading

    def read(self, line: bytes) -> None:
        """Take in one line, with or without its line end."""

    def finish(self) -> None:
        """All lines were read: fill `reading.completion`. Not to be called for results that are not whole."""


class Simulation(msgspec.Struct, frozen=True):
    """A sandbox answer: the body in one or more chunks, and the text's tokens as `usage`."""

    content_type: bytes
    chunks: tuple[bytes, ...]


class SimulatedCall(msgspec.Struct, frozen=True):
    """What a sandbox answer is made from. `created` is seconds since the epoch."""

    id: str
    model: str
    text: str
    input_tokens: int
    output_tokens: int
    is_streamed: bool
    wants_usage: bool
    created: int


class Provider(Protocol):
    """One provider's side of the contract. Instances hold no state."""

    name: str
    label: str
    request_id_header: bytes
    # What the sandbox answers, as "POST chat/completions".
    simulated: tuple[str, ...]

    def credential(self, key: bytes) -> Header:
        """The one header that carries the provider key upstream."""

    def default_headers(self) -> tuple[Header, ...]:
        """Headers to add where the client sent none of that name."""

    def find_route(self, method: str, route: str) -> Route:
        """What a normalised path means: never fails, an unknown one is "other"."""

    def read_request(self, route: Route, members: Members) -> TokenUsage | None:
        """Quantities that the provider bills by the request, or that stand in where no answer will report any."""

    def ask_for_usage(self, members: Members) -> bool:
        """Make a streamed request report its usage, where the provider reports it only on demand. True when that was
        added.
        """

    def stream_reader(self, route: Route, asked: Asked) -> StreamReader: ...

    def read_answer(self, route: Route, body: bytes, asked: Asked) -> Reading:
        """Read a whole answer; b"" stands for one that is no JSON. Never raises: what is not there stays empty."""

    def results_reader(self, route: Route, asked: Asked) -> ResultsReader: ...

    def refuses_key(self, key: bytes, body: bytes) -> bool:
        """Whether a 401 with this body says that the provider key is bad (and is not to be passed on as 401)."""

    def error_body(self, *, status: int, code: str, message: str, request_id: str) -> bytes:
        """An error of ours in the provider's shape."""

    def simulate(self, call: SimulatedCall) -> Simulation: ...


# One that nothing is to be said about.
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)]


class Counts:
    """Reads token counts out of a usage object that may hold anything. Remembers whether something was off."""

    __slots__ = ("is_partial",)

    def __init__(self) -> None:
        self.is_partial = False

    def read(self, holder: Any, name: str) -> int:
        """The count, 0 when absent or null; clamped to 0..MAX_TOKENS, and marked when it had to be."""
        value = holder.get(name) if isinstance(holder, dict) else None
        if value is None:
            return 0
        if type(value) is int and 0 <= value <= MAX_TOKENS:
            return value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.is_partial = True
            return 0
        return self.clamp(value)

    def read_each(self, holder: Any, names: tuple[str, ...]) -> list[int]:
        """The same for several."""
        if not isinstance(holder, dict):
            return [0] * len(names)
        return [self.read(holder, name) if name in holder else 0 for name in names]

    def require(self, holder: Any, name: str) -> int:
        """The same for a count that belongs there: marked when it is missing."""
        value = holder.get(name) if isinstance(holder, dict) else None
        if type(value) is int and 0 <= value <= MAX_TOKENS:
            return value
        self.is_partial = self.is_partial or value is None
        return self.read(holder, name)

    def milliseconds(self, seconds: Any) -> int:
        """A duration, clamped and marked in the same way."""
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= MAX_TOKENS:
            self.is_partial = True
            return 0
        return self.clamp(round(seconds * 1000))

    def clamp(self, value: int, most: int = MAX_TOKENS) -> int:
        if 0 <= value <= most:
            return value
        self.is_partial = True
        return min(max(value, 0), most)


def starts_of(*types: str) -> tuple[bytes, ...]:
    """How events of these types begin: by their `event` line, or, from servers that send none, by their data."""
    lines = (b"event: %s", b"event:%s", b'data: {"type":"%s"', b'data: {"type": "%s"', b'data:{"type":"%s"')
    return tuple(line % kind.encode() for kind in types for line in lines)


_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")

# An absent member. (msgspec does not read `Raw | None`: it takes the union for None alone.)
NULL = msgspec.Raw(b"null")


def is_null(raw: msgspec.Raw) -> bool:
    return bytes(raw) == b"null"


def generic(raw: msgspec.Raw | None) -> Any:
    """The value as plain objects, or None when it is absent or unreadable."""
    try:
        return None if raw is None else msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return None


def members_of(data: bytes) -> dict[str, msgspec.Raw] | None:
    """The members of an answer that does not have the expected shape, or None when it is no JSON object.

    Escaped surrogates are blotted out, since msgspec refuses a lone one: the text is not needed, the usage is.
    """
    if b"\\u" in data:
        data = _SURROGATE_ESCAPE.sub(rb"\\ufffd", data)
    try:
        return _members_decoder.decode(data)
    except (ValueError, RecursionError):
        return None


def text_in(members: dict[str, msgspec.Raw], name: str) -> str | None:
    value = generic(members.get(name))
    return value if isinstance(value, str) else None


def member(holder: Any, name: str) -> Any:
    """`holder[name]` where holder is an object that has it, else None."""
    return holder.get(name) if isinstance(holder, dict) else None


def label(value: Any, limit: int = 64) -> str:
    """A provider's short name for something (a tier, a reason, a model): printable ASCII or Latin text, capped."""
    if not isinstance(value, str):
        return ""
    text = value if len(value) <= limit else value[:limit]
    return text if text.isprintable() else "".join(filter(str.isprintable, text))


def estimate_input_tokens(body: bytes) -> int:
    """Tokens of a request's messages, system text and tools by text length; images by a constant."""
    if len(body) > _MAX_MEASURED and sum(map(body.count, (b",", b"[", b"{"))) > _MAX_MEASURED:
        return len(body) // BYTES_PER_TOKEN
    try:
        request = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return len(body) // BYTES_PER_TOKEN
    if not isinstance(request, dict):
        return 0
    parts = [request.get(name) for name in ("messages", "system", "instructions", "tools", "input", "prompt")]
    text_bytes, images = _measure(parts, 0)
    return text_bytes // BYTES_PER_TOKEN + images * IMAGE_TOKENS


def _measure(value: Any, depth: int) -> tuple[int, int]:
    if isinstance(value, str):
        return (0 if value.startswith("data:") else len(value.encode())), 0
    if isinstance(value, int) and not isinstance(value, bool):
        return BYTES_PER_TOKEN, 0  # a prompt may be given as tokens
    if depth > _MAX_DEPTH or not isinstance(value, dict | list):
        return 0, 0
    if isinstance(value, dict):
        if value.get("type") in _IMAGE_TYPES:  # a tuple: in a tool's schema "type" may be a list
            return 0, 1
        value = list(value.values())
    sizes = [_measure(item, depth + 1) for item in value]
    return sum(size for size, _ in sizes), sum(images for _, images in sizes)
