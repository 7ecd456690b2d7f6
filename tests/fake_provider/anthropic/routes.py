"""The table of Anthropic's routes, and the refusal of every other one."""

from tests.fake_provider.answer import Answer, Refused
from tests.fake_provider.anthropic import batches, messages, others
from tests.fake_provider.anthropic.wire import ERRORS, check_key, headers, refusal
from tests.fake_provider.routing import Call, Routes

__all__ = ["answer", "headers", "refusal"]

_ROUTES = Routes({
    "POST messages": messages.messages,
    "POST messages/count_tokens": messages.count_tokens,
    "POST messages/batches": batches.create,
    "GET messages/batches": batches.list_batches,
    "GET messages/batches/{}": batches.retrieve,
    "DELETE messages/batches/{}": batches.delete,
    "POST messages/batches/{}/cancel": batches.cancel,
    "GET messages/batches/{}/results": batches.results,
    "GET models": others.list_models,
    "GET models/{}": others.get_model,
    "POST files": others.create_file,
    "GET files": others.list_files,
    "GET files/{}": others.get_file,
    "DELETE files/{}": others.delete_file,
    "GET files/{}/content": others.file_content,
    "POST complete": others.complete,
})  # fmt: skip


def answer(call: Call) -> Answer:
    """Raises `Refused` where Anthropic answers with an error."""
    request, scenario = call.request, call.scenario
    check_key(request)
    if scenario.status >= 400:
        kind, message = ERRORS.get(scenario.status, ERRORS[500])
        raise Refused(scenario.status, message, kind=scenario.error_type or kind)
    if not request.header("anthropic-version"):
        raise Refused(400, "anthropic-version: header is required", kind="invalid_request_error")
    found = _ROUTES.find(call)
    if found is None:
        raise Refused(404, "Not Found", kind="not_found_error")
    answering, call = found
    return answering(call)
