"""Batches of both providers: pending when made, billed by their results, at most once for each file or batch."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.usage import MAX_TOKENS, Alias, Completion, OtherModelUsage, TokenUsage
from proxy.providers import PROVIDERS
from proxy.providers.base import Asked, Reading
from proxy.providers.shares import BUCKETS, MAX_SHARES

OPENAI, ANTHROPIC = PROVIDERS["openai"], PROVIDERS["anthropic"]
CHAT_USAGE = {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 40}, "completion_tokens": 20}
RESPONSE_USAGE = {"input_tokens": 200, "output_tokens": 30, "output_tokens_details": {"reasoning_tokens": 10}}


def read(method: str, path: str, answer: object) -> Reading:
    return OPENAI.read_answer(OPENAI.find_route(method, path), json.dumps(answer).encode(), Asked())


def chat(usage: object = None, **more: Any) -> dict[str, Any]:
    return {"object": "chat.completion", "model": "gpt-4o", "choices": [], "usage": usage or CHAT_USAGE, **more}


def line(answer: object, status: int = 200, **more: Any) -> bytes:
    response = {"status_code": status, "request_id": "r", "body": answer}
    return json.dumps({"id": "batch_req_1", "custom_id": "1", "response": response, "error": None, **more}).encode()


def completed_by(*lines: bytes) -> Completion | None:
    reader = OPENAI.results_reader(OPENAI.find_route("GET", "files/file-1/content"), Asked("", "file-1"))
    for each in lines:
        reader.read(each)
    reader.finish()
    assert reader.reading.usage is None
    return reader.reading.completion


def usage_by(*lines: bytes) -> TokenUsage:
    completion = completed_by(*lines)
    assert completion is not None
    assert (completion.object_id, completion.is_final, completion.usage_source) == ("file-1", True, "provider")
    return completion.usage


# --- OpenAI: the batch itself -----------------------------------------------------------------------------------------


def test_a_batch_that_was_made_is_pending() -> None:
    reading = read("POST", "batches", {"id": "batch_1", "object": "batch", "status": "validating", "model": "gpt-4o"})
    assert (reading.is_pending, reading.object_id, reading.model) == (True, "batch_1", "gpt-4o")
    refused = read("POST", "batches", {"error": {"code": "invalid_file"}})
    assert (refused.is_pending, refused.error_code) == (False, "invalid_file")


BATCH = {
    "id": "batch_1",
    "object": "batch",
    "status": "completed",
    "output_file_id": "file-out",
    "error_file_id": "file-err",
    "model": "gpt-4o",
    "request_counts": {"total": 12, "completed": 10, "failed": 2},
    "usage": {"input_tokens": 4_000, "input_tokens_details": {"cached_tokens": 1_000}, "output_tokens": 500},
}
ALIASES = (Alias("file-out", "batch_1"), Alias("file-err", "batch_1"))


@pytest.mark.parametrize(("method", "path"), [("GET", "batches/batch_1"), ("POST", "batches/batch_1/cancel")])
def test_a_finished_batch_names_its_files_and_the_sum_of_its_usage(method: str, path: str) -> None:
    """SDK, `Batch` and `BatchUsage`: 4,000 tokens in ten requests are prompts of 400 on average."""
    reading = read(method, path, BATCH)
    share = OtherModelUsage(model="gpt-4o", input=3_000, cache_read=1_000, output=500, longest_prompt=400)
    assert reading.aliases == ALIASES
    assert reading.completion == Completion(
        object_id="batch_1",
        model="gpt-4o",
        usage=TokenUsage(input=3_000, cache_read=1_000, output=500, service_tier="batch", other_models=(share,)),
        finish_reason="completed",
        is_final=False,
    )


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing", "cancelling", None, 5])
def test_a_batch_that_runs_completes_nothing(status: object) -> None:
    reading = read("GET", "batches/batch_1", {**BATCH, "status": status})
    assert (reading.completion, reading.aliases) == (None, ALIASES)


def nothing_by(status: str, error_code: str = "") -> Completion:
    usage = TokenUsage(service_tier="batch")
    return Completion(object_id="batch_1", model="gpt-4o", usage=usage, error_code=error_code, finish_reason=status)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        # Nothing ran, so it has cost nothing.
        (
            {"status": "failed", "errors": {"data": [{"code": "token_limit_exceeded"}]}, "request_counts": None},
            nothing_by("failed", error_code="token_limit_exceeded"),
        ),
        (
            {"status": "expired", "request_counts": {"completed": 0}},
            nothing_by("expired"),
        ),
        # What ran is free.
        ({"endpoint": "/v1/moderations"}, nothing_by("completed")),
        # Something ran, and only its results will tell.
        ({"status": "expired"}, None),
        ({"status": "cancelled", "request_counts": {}}, None),
    ],
)
def test_a_batch_without_a_sum(more: dict[str, Any], expected: Completion | None) -> None:
    assert read("GET", "batches/batch_1", {**BATCH, "usage": None, **more}).completion == expected


def test_a_list_names_the_files_of_its_batches() -> None:
    batches = [{**BATCH, "id": f"batch_{number}", "error_file_id": None} for number in range(60)]
    reading = read("GET", "batches", {"object": "list", "data": batches})
    assert reading.aliases == tuple(Alias("file-out", f"batch_{number}") for number in range(50))
    assert (reading.completion, reading.is_pending) == (None, False)


def test_an_id_too_long_for_a_record_names_nothing() -> None:
    assert read("GET", "batches/batch_1", {**BATCH, "output_file_id": "x" * 65}).aliases == ALIASES[1:]


# --- OpenAI: the results ----------------------------------------------------------------------------------------------


def test_results_are_summed_up_by_model() -> None:
    found = usage_by(line(chat()), line(chat()), line(chat(model="gpt-4o-mini")))
    assert found == TokenUsage(
        input=180,
        cache_read=120,
        output=60,
        service_tier="batch",
        other_models=(
            OtherModelUsage(model="gpt-4o", input=120, cache_read=80, output=40, longest_prompt=100),
            OtherModelUsage(model="gpt-4o-mini", input=60, cache_read=40, output=20, longest_prompt=100),
        ),
    )


def test_prompts_of_different_price_ranges_are_apart() -> None:
    lengths = (128_000, 128_001, 200_001, 256_001, 272_000, 272_001, 500_000)
    found = usage_by(*[line(chat({"prompt_tokens": length, "completion_tokens": 1})) for length in lengths])
    assert [(share.input, share.longest_prompt) for share in found.other_models] == [
        (128_000, 128_000),
        (128_001, 128_001),
        (200_001, 200_001),
        (528_001, 272_000),
        (772_001, 500_000),
    ]
    assert found.input == sum(lengths)


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        (
            {"object": "response", "model": "gpt-5", "output": [], "usage": RESPONSE_USAGE},
            OtherModelUsage(model="gpt-5", input=200, output=30, longest_prompt=200),
        ),
        (
            {"object": "list", "model": "text-embedding-3-small", "data": [], "usage": {"prompt_tokens": 9}},
            OtherModelUsage(model="text-embedding-3-small", input=9, longest_prompt=9),
        ),
        (
            {
                "object": "text_completion",
                "model": "davinci-002",
                "usage": {"prompt_tokens": 2, "completion_tokens": 3},
            },
            OtherModelUsage(model="davinci-002", input=2, output=3, longest_prompt=2),
        ),
        (
            {"created": 1, "data": [{"b64_json": "aGk="}], "usage": {"input_tokens": 5, "output_tokens": 7}},
            OtherModelUsage(model="", input=5, output_image=7, longest_prompt=5),
        ),
    ],
)
def test_any_kind_of_request_may_be_in_a_batch(answer: dict[str, Any], share: OtherModelUsage) -> None:
    found = usage_by(line(answer))
    assert (found.other_models, found.is_partial) == ((share,), False)


def test_requests_that_failed_have_used_nothing() -> None:
    expired = line(None, response=None, error={"code": "batch_expired"})
    found = usage_by(line(chat()), line({"error": {"code": "x"}}, status=400), expired, b"", line({"results": []}))
    assert (found.input, found.output, found.is_partial) == (60, 20, False)


def test_a_file_of_errors_alone_completes_nothing() -> None:
    """The results are in the other file of the batch."""
    assert completed_by(line({"error": {"code": "x"}}, status=400)) is None
    assert completed_by() is None


def test_other_files_complete_nothing() -> None:
    request = b'{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"usage":{"prompt_tokens":5}}}'
    for content in (request, b'{"messages":[]}', b"x,y", b"[]", b"\xff\xfe", b'{"custom_id":'):
        assert completed_by(content, line(chat())) is None


@pytest.mark.parametrize("odd", [b"{", b"[]", line(chat({"prompt_tokens": -1})), line({"object": "?"})])
def test_a_line_that_cannot_be_read_makes_the_sum_partial(odd: bytes) -> None:
    found = usage_by(line(chat()), odd)
    assert (found.is_partial, found.output) == (True, 20)


def test_a_lone_surrogate_is_no_odd_line() -> None:
    cut = line(chat(choices=[{"message": {"content": "\ud83d"}}]))
    assert b"\\ud83d" in cut
    found = usage_by(cut)
    assert (found.input, found.is_partial) == (60, False)


def test_shares_are_bounded_and_nothing_is_lost() -> None:
    found = usage_by(*[line(chat(model=f"m{number}")) for number in range(30)])
    assert (len(found.other_models), found.is_partial) == (MAX_SHARES, True)
    assert found.input == sum(share.input for share in found.other_models) == 30 * 60


# --- Anthropic --------------------------------------------------------------------------------------------------------


def test_a_message_batch_is_pending() -> None:
    made = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress", "results_url": None}
    route = ANTHROPIC.find_route("POST", "messages/batches")
    reading = ANTHROPIC.read_answer(route, json.dumps(made).encode(), Asked())
    assert (reading.is_pending, reading.object_id, reading.usage) == (True, "msgbatch_1", None)
    refused = ANTHROPIC.read_answer(route, b'{"type":"error","error":{"type":"invalid_request_error"}}', Asked())
    assert (refused.is_pending, refused.error_code) == (False, "invalid_request_error")


def message_line(kind: str = "succeeded", usage: object = None, model: str = "claude-haiku-4-5") -> bytes:
    usage = usage or {"input_tokens": 11, "output_tokens": 5, "service_tier": "batch"}
    message = {"type": "message", "model": model, "usage": usage, "content": [{"type": "text", "text": "{}"}]}
    result = {"type": kind, "message": message} if kind == "succeeded" else {"type": kind}
    return json.dumps({"custom_id": "1", "result": result}).encode() + b"\n"


def message_results(*lines: bytes) -> Completion | None:
    route = ANTHROPIC.find_route("GET", "messages/batches/msgbatch_1/results")
    reader = ANTHROPIC.results_reader(route, Asked("", "msgbatch_1"))
    for each in lines:
        reader.read(each)
    reader.finish()
    return reader.reading.completion


def test_only_messages_that_succeeded_have_used_anything() -> None:
    """ "Batch processing", "Pricing"."""
    lines = [message_line(kind) for kind in ("errored", "succeeded", "canceled", "expired", "succeeded")]
    share = OtherModelUsage(model="claude-haiku-4-5", input=22, output=10, longest_prompt=11)
    assert message_results(*lines) == Completion(
        object_id="msgbatch_1",
        model="claude-haiku-4-5",
        usage=TokenUsage(input=22, output=10, service_tier="batch", other_models=(share,)),
        finish_reason="ended",
    )


def test_a_batch_of_which_nothing_succeeded_has_cost_nothing() -> None:
    assert message_results(message_line("expired")) == Completion(
        object_id="msgbatch_1", usage=TokenUsage(service_tier="batch"), finish_reason="ended"
    )


def test_fees_and_advisors_of_messages_are_summed_up_too() -> None:
    advisor = {"type": "advisor_message", "model": "claude-opus-4-6", "input_tokens": 7, "output_tokens": 2}
    usage = {
        "input_tokens": 1,
        "output_tokens": 1,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 8,
        "server_tool_use": {"web_search_requests": 3},
        "iterations": [advisor],
    }
    completion = message_results(message_line(usage=usage))
    assert completion is not None
    assert completion.usage.other_models == (
        OtherModelUsage(model="claude-opus-4-6", input=7, output=2, longest_prompt=7),
        OtherModelUsage(
            model="claude-haiku-4-5",
            input=1,
            cache_read=4,
            cache_write_5m=8,
            output=1,
            web_searches=3,
            longest_prompt=13,
        ),
    )
    assert (completion.usage.web_searches, completion.usage.cache_write_5m) == (3, 8)


def test_an_error_in_place_of_results_completes_nothing() -> None:
    assert message_results(b'{"type":"error","error":{"type":"not_found_error"}}') is None
    assert message_results() is None


# --- Any other shape --------------------------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["usage", "body", "message", "type", "model", *CHAT_USAGE]), inner)
    ),
    max_leaves=8,
)


@given(anything, anything, anything)
def test_results_of_any_other_shape_are_harmless(response: object, body: object, usage: object) -> None:
    odd = json.dumps({"custom_id": "1", "response": response, "result": response}).encode()
    found = usage_by(line(chat()), odd, line(body), line({**chat(), "usage": usage}))
    completion = message_results(message_line(), odd, message_line(usage=usage))
    assert completion is not None
    for total in (found, completion.usage):
        assert all(0 <= getattr(total, bucket) <= MAX_TOKENS for bucket in BUCKETS)
        assert all(
            getattr(total, bucket) == sum(getattr(share, bucket) for share in total.other_models)
            or getattr(total, bucket) == MAX_TOKENS
            for bucket in BUCKETS
        )


@given(st.dictionaries(st.sampled_from([*BATCH, "errors", "data"]), anything))
def test_batches_of_any_other_shape_are_harmless(members: dict[str, Any]) -> None:
    for method, path in (("POST", "batches"), ("GET", "batches"), ("GET", "batches/b"), ("POST", "batches/b/cancel")):
        reading = read(method, path, {**BATCH, **members})
        assert reading.usage is None
        assert len(reading.aliases) <= 50
