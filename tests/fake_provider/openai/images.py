"""Image generations, edits and variations, as JSON and as events (API reference, "Images")."""

import base64
import time
from typing import Any

from tests.fake_provider import counting
from tests.fake_provider.answer import Answer, Refused
from tests.fake_provider.form import is_form
from tests.fake_provider.openai.wire import event, json_answer, refuse_missing, refuse_unknown_model, stream_answer
from tests.fake_provider.routing import Call

# The smallest PNG with one transparent pixel.
_PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
    )
).decode()
_TOKENS = {"low": 272, "medium": 1056, "high": 4160}  # of a square image ("Image generation", cost and latency)
_TOKENS_OF_AN_INPUT = 323


def generations(call: Call) -> Answer:
    return _images(call, call.json(), 0, "image_generation")


def edits(call: Call) -> Answer:
    """Multipart with the images, or JSON that refers to them."""
    if not is_form(call.request.header("content-type")):
        body = call.json()
        return _images(call, body, len(body.get("images") or []), "image_edit")
    form = call.form()
    given: dict[str, Any] = {part.name: part.content.decode() for part in form.parts if not part.filename}
    for name in ("n", "partial_images"):
        given[name] = int(given.get(name, 0))
    given["stream"] = given.get("stream") == "true"
    sent = form.files("image", "image[]")
    if not sent:
        raise Refused(400, "Missing required parameter: 'image'.", param="image")
    return _images(call, given, len(sent), "image_edit")


def variations(call: Call) -> Answer:
    form = call.form()
    form.file("image")
    data = [{"url": f"https://images.example.com/{call.request.token('img-')}.png"}]
    return json_answer(call, {"created": int(time.time()), "data": data}, model="dall-e-2")


def _images(call: Call, body: dict[str, Any], inputs: int, kind: str) -> Answer:
    refuse_missing(body, "prompt")
    model = str(body.get("model") or "dall-e-2")
    refuse_unknown_model(model)
    model, count = model.partition("@")[0], body.get("n") or 1
    if model.startswith("dall-e"):  # sold by the image, reports no usage
        data = [{"url": f"https://images.example.com/{call.request.token(f'img-{n}')}.png"} for n in range(count)]
        return json_answer(call, {"created": int(time.time()), "data": data}, model=model)
    quality = body.get("quality") if body.get("quality") in _TOKENS else "medium"
    usage = _usage(call, body["prompt"], inputs, _TOKENS[str(quality)] * count)
    made = {"background": "opaque", "output_format": "png", "quality": quality, "size": "1024x1024"}
    shown = {"usage": usage} if call.scenario.has_usage else {}
    if not body.get("stream"):
        value = {"created": int(time.time()), **made, "data": [{"b64_json": _PNG}] * count}
        return json_answer(call, value | shown, usage=usage, model=model)
    made |= {"b64_json": _PNG, "created_at": int(time.time())}
    partial = [
        event({"type": f"{kind}.partial_image", "partial_image_index": index} | made)
        for index in range(body.get("partial_images") or 0)
    ]
    return stream_answer(
        call, [*partial, event({"type": f"{kind}.completed"} | made | shown)], usage=usage, model=model
    )


def _usage(call: Call, prompt: str, inputs: int, natural: int) -> dict[str, Any]:
    scenario = call.scenario
    text = counting.count_text(prompt) if scenario.prompt_tokens is None else scenario.prompt_tokens
    images = scenario.image_input_tokens or inputs * _TOKENS_OF_AN_INPUT
    output = scenario.image_output_tokens or natural
    return {
        "input_tokens": text + images,
        "input_tokens_details": {"image_tokens": images, "text_tokens": text},
        "output_tokens": output,
        "output_tokens_details": {"image_tokens": output, "text_tokens": 0},
        "total_tokens": text + images + output,
        **scenario.usage,
    }
