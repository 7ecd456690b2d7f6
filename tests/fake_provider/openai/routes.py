"""The table of OpenAI's routes, and the refusal of every other one."""

from tests.fake_provider.answer import Answer, Refused
from tests.fake_provider.openai import audio, batches, chat, files, images, responses, small
from tests.fake_provider.openai.wire import ERRORS, check_key, headers, refusal
from tests.fake_provider.routing import Call, Routes

__all__ = ["answer", "headers", "refusal"]

_ROUTES = Routes({
    "POST chat/completions": chat.chat,
    "POST completions": chat.completions,
    "POST embeddings": small.embeddings,
    "GET models": small.list_models,
    "GET models/{}": small.get_model,
    "DELETE models/{}": small.delete_model,
    "POST moderations": small.moderations,
    "POST responses": responses.create,
    "POST responses/compact": responses.compact,
    "POST responses/input_tokens": responses.input_tokens,
    "GET responses/{}": responses.retrieve,
    "DELETE responses/{}": responses.delete,
    "POST responses/{}/cancel": responses.cancel,
    "GET responses/{}/input_items": responses.input_items,
    "POST files": files.create_file,
    "GET files": files.list_files,
    "GET files/{}": files.get_file,
    "DELETE files/{}": files.delete_file,
    "GET files/{}/content": files.file_content,
    "POST uploads": files.create_upload,
    "POST uploads/{}/parts": files.add_part,
    "POST uploads/{}/complete": files.complete_upload,
    "POST uploads/{}/cancel": files.cancel_upload,
    "POST audio/speech": audio.speech,
    "POST audio/transcriptions": audio.transcriptions,
    "POST audio/translations": audio.translations,
    "POST images/generations": images.generations,
    "POST images/edits": images.edits,
    "POST images/variations": images.variations,
    "POST batches": batches.create,
    "GET batches": batches.list_batches,
    "GET batches/{}": batches.retrieve,
    "POST batches/{}/cancel": batches.cancel,
})  # fmt: skip


def answer(call: Call) -> Answer:
    """Raises `Refused` where OpenAI answers with an error."""
    request, scenario = call.request, call.scenario
    check_key(request.header("authorization"))
    if scenario.status >= 400:
        kind, code, message = ERRORS.get(scenario.status, ERRORS[500])
        kind, code = scenario.error_type or kind, scenario.error_code or code
        raise Refused(scenario.status, message, kind=kind, code=code)
    found = _ROUTES.find(call)
    if found is None:
        raise Refused(404, f"Invalid URL ({request.method} {request.path})")
    answering, call = found
    return answering(call)
