"""The client's request, made ready to be sent on: metadata taken out, required fields checked, usage asked for."""

import msgspec

from analytics.usage import TokenUsage
from proxy import body as bodies
from proxy import headers as heads
from proxy.asking import Asking
from proxy.call import Target
from proxy.errors import Refusal
from proxy.multipart import FormReader, find_boundary
from proxy.providers.base import Asked, label
from proxy.receiving import BodyReceiver

_MAX_MODEL = 128
_text_decoder = msgspec.json.Decoder(str)
_FORM_METADATA = (
    f"{bodies.METADATA_MEMBER} in a form is not read and went to the provider: send it in the headers x-aipc-*"
)


class Request(msgspec.Struct, frozen=True, gc=False):
    """The client's request, ready to be sent on. `body` None: it is no JSON and is streamed as it comes."""

    body: bytes | None
    metadata: bodies.Metadata = bodies.NO_METADATA
    model: str = ""
    is_streamed: bool = False
    injects_usage: bool = False  # the stream reports its usage only because we asked for it
    is_decoded: bool = False
    usage: TokenUsage | None = None  # what the provider bills by the request alone
    form: FormReader | None = None  # reads a form while it passes

    @property
    def warnings(self) -> tuple[str, ...]:
        """Of the metadata, once the body has passed."""
        if self.form is not None and self.form.has_metadata:
            return (*self.metadata.warnings, _FORM_METADATA)
        return self.metadata.warnings


def read_request(target: Target, asking: Asking, receiver: BodyReceiver, content: bytes | None) -> Request:
    """Of a JSON body, which is here; None: any other, to be streamed. Raises `Refusal` for what must not be sent on."""
    told = asking.content(target)
    if content is None:
        return Request(None, told.metadata, form=_form_reader(asking.headers))
    is_decoded = told.encoding != b"identity"
    if is_decoded:
        if told.encoding not in {b"gzip", b"x-gzip"}:
            message = "The Content-Encoding must be gzip, or the header absent."
            raise Refusal(415, "content_encoding_unsupported", message)
        content = receiver.inflate(content)
    if len(content) <= bodies.FREE_BYTES:
        return prepare(target, content, told.metadata, is_decoded=is_decoded)
    with receiver.lend(bodies.memory_to_split(content)):
        return prepare(target, content, told.metadata, is_decoded=is_decoded)


def prepare(target: Target, content: bytes, from_headers: bodies.Metadata, *, is_decoded: bool = False) -> Request:
    """Raises `Refusal` 400 for malformed JSON and for a missing field that the route must have."""
    kind = target.kind
    try:
        members = bodies.split(content)
    except bodies.MalformedBody as error:
        if not content.strip() and not kind.is_json_only:
            return Request(content, from_headers, is_decoded=is_decoded)
        raise Refusal(400, "malformed_body", str(error)) from None
    if members is None:
        if kind.is_json_only:
            raise Refusal(400, "malformed_body", "The request body must be a JSON object.")
        return Request(content, from_headers, is_decoded=is_decoded)
    metadata = from_headers
    if is_changed := bodies.METADATA_MEMBER in members:
        metadata = bodies.take_metadata(members)
        if from_headers is not bodies.NO_METADATA:
            metadata = bodies.overlay(metadata, from_headers)
    try:
        model = _text_decoder.decode(members["model"])
    except (KeyError, ValueError):
        model = ""
    if kind.required and not (model and "messages" in members):
        _require_fields(kind.required, members, model)
    is_streamed = "stream" in members and bodies.is_true(members, "stream")
    injects = is_streamed and kind.asks_for_usage and target.provider.ask_for_usage(members)
    return Request(
        bodies.join(members) if is_changed or injects else content,
        metadata,
        model if len(model) <= _MAX_MODEL and model.isprintable() else label(model, _MAX_MODEL),
        is_streamed or ("stream_format" in members and bodies.text_of(members, "stream_format") == "sse"),  # for speech
        injects,
        is_decoded,
        target.provider.read_request(kind, members) if kind.is_billed_by_request else None,
    )


def asked_of(target: Target, request: Request) -> Asked:
    """What the reading of the answer may need. For a form to be called when it has passed."""
    if request.form is None:
        return Asked(request.model, target.object_id, request.usage)
    members = request.form.members
    usage = target.provider.read_request(target.kind, members) if target.is_metered else None
    return Asked(label(bodies.text_of(members, "model"), _MAX_MODEL), target.object_id, usage)


def _form_reader(headers: heads.Headers) -> FormReader | None:
    boundary = find_boundary(heads.find_header(headers, b"content-type") or b"")
    is_plain = heads.find_header(headers, b"content-encoding") in {None, b"identity"}
    return FormReader(boundary) if boundary and is_plain else None


def _require_fields(required: tuple[str, ...], members: bodies.Members, model: str) -> None:
    if "model" in required and not model:
        problem = "must be text" if "model" in members else "is missing"
        raise Refusal(400, "model_missing", f"The field 'model' {problem}.")
    if "messages" in required and "messages" not in members:
        raise Refusal(400, "messages_missing", "The field 'messages' is missing.")
