"""Models, files, and the older text completions (API reference, "Models", "Files", "Text Completions")."""

import datetime
from typing import Any

from tests.fake_provider import counting
from tests.fake_provider.answer import Answer, Refused
from tests.fake_provider.anthropic.batches import listed
from tests.fake_provider.anthropic.wire import DATED, binary_answer, event, json_answer, stream_answer
from tests.fake_provider.openai.files import blocks
from tests.fake_provider.routing import Call


def list_models(call: Call) -> Answer:
    return json_answer(call, listed(call, [_model(name) for name in DATED.values()]))


def get_model(call: Call) -> Answer:
    name = DATED.get(call.ids[0], call.ids[0])
    if name not in DATED.values():
        raise Refused(404, f"model: {name}", kind="not_found_error")
    return json_answer(call, _model(name))


def _model(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name.title(), "created_at": "2025-09-29T00:00:00Z"}


def create_file(call: Call) -> Answer:
    file, id_ = call.form().file("file"), call.request.token("file_011C", 20)
    shown = {
        "type": "file", "id": id_, "filename": file.filename, "size_bytes": len(file.content),
        "mime_type": file.content_type or "application/octet-stream", "downloadable": True,
        "created_at": datetime.datetime.now(datetime.UTC).isoformat(),
    }  # fmt: skip
    call.store.put("files", id_, (shown, file.content))
    return json_answer(call, shown)


def list_files(call: Call) -> Answer:
    return json_answer(call, listed(call, [shown for shown, _ in call.store.all("files")]))


def get_file(call: Call) -> Answer:
    return json_answer(call, call.store.get("files", call.ids[0])[0])


def file_content(call: Call) -> Answer:
    shown, content = call.store.get("files", call.ids[0])
    return binary_answer(call, blocks(content, call.scenario.content_bytes), shown["mime_type"])


def delete_file(call: Call) -> Answer:
    call.store.remove("files", call.ids[0])
    return json_answer(call, {"id": call.ids[0], "type": "file_deleted"})


def complete(call: Call) -> Answer:
    """It tells nothing of what it used."""
    body = call.json()
    for name in ("model", "prompt", "max_tokens_to_sample"):
        if not body.get(name):
            raise Refused(400, f"{name}: Field required", kind="invalid_request_error")
    id_, model = call.request.token("compl_01", 22), body["model"].partition("@")[0]
    pieces = counting.words(min(20, body["max_tokens_to_sample"]))

    def value(text: str, stop: str | None) -> dict[str, Any]:
        return {"type": "completion", "id": id_, "completion": text, "stop_reason": stop, "model": model}

    if body.get("stream") is not True:
        return json_answer(call, value("".join(pieces), "stop_sequence"), model=model, id_=id_)
    events = [event("completion", value(piece, None)) for piece in pieces]
    return stream_answer(call, [*events, event("completion", value("", "stop_sequence"))], model=model, id=id_)
