"""Embeddings, models and moderations: one request, one JSON answer (API reference, pages of these names)."""

import array
import base64
from typing import Any

from tests.fake_provider import counting
from tests.fake_provider.answer import Answer, Refused
from tests.fake_provider.openai.wire import DATED, json_answer, refuse_missing, refuse_unknown_model
from tests.fake_provider.routing import Call

_DIMENSIONS = {"text-embedding-3-large": 3072}
_CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip


def embeddings(call: Call) -> Answer:
    body = call.json()
    refuse_missing(body, "model", "input")
    refuse_unknown_model(body["model"])
    model, given = str(body["model"]).partition("@")[0], body["input"]
    # A list of numbers is one text in tokens, a list of lists several of them.
    inputs = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    counted = sum(counting.count_text(text) if isinstance(text, str) else len(text) for text in inputs)
    count = call.scenario.prompt_tokens or counted
    size = body.get("dimensions") or _DIMENSIONS.get(model, 1536)
    is_base64 = body.get("encoding_format") == "base64"
    listed = [
        {"object": "embedding", "index": index, "embedding": _vector(size, index, is_base64)}
        for index in range(len(inputs))
    ]
    usage: dict[str, Any] = {"prompt_tokens": count, "total_tokens": count, **call.scenario.usage}
    shown = {"usage": usage} if call.scenario.has_usage else {}
    answer = {"object": "list", "data": listed, "model": call.scenario.model or model}
    return json_answer(call, answer | shown, usage=usage, model=call.scenario.model or model)


def _vector(size: int, index: int, is_base64: bool) -> list[float] | str:
    """Numbers that both forms can hold exactly."""
    values = [((place * 37 + index * 11) % 127 - 63) / 64 for place in range(size)]
    if not is_base64:
        return values
    return base64.b64encode(array.array("f", values).tobytes()).decode()


def list_models(call: Call) -> Answer:
    return json_answer(call, {"object": "list", "data": [_model(name) for name in DATED]})


def get_model(call: Call) -> Answer:
    (name,) = call.ids
    if name not in DATED and name not in DATED.values():
        raise Refused(404, f"The model '{name}' does not exist", param="model", code="model_not_found")
    return json_answer(call, _model(name))


def delete_model(call: Call) -> Answer:
    """Only fine-tuned ones can be."""
    (name,) = call.ids
    if not name.startswith("ft:"):
        raise Refused(403, "You have insufficient permissions for this operation.")
    return json_answer(call, {"id": name, "object": "model", "deleted": True})


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1715367049, "owned_by": "system"}


def moderations(call: Call) -> Answer:
    body = call.json()
    refuse_missing(body, "input")
    given = body["input"]
    count = len(given) if isinstance(given, list) and isinstance(given[0], str) else 1
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 1.4285e-06),
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
    model = body.get("model") or "omni-moderation-latest"
    return json_answer(call, {"id": call.request.token("modr-", 32), "model": model, "results": [result] * count})
