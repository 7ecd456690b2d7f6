"""The fake provider's other Anthropic routes, as the official SDK reads them, and its account of what was used."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
import requests

from tests.fake_provider import FakeProvider
from tests.raw_calls import HELLO


@pytest.fixture(scope="module")
def running() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def provider(running: FakeProvider) -> FakeProvider:
    running.reset()
    return running


@pytest.fixture
def claude(provider: FakeProvider) -> Iterator[anthropic.Anthropic]:
    url = provider.anthropic_url.removesuffix("/v1")
    with anthropic.Anthropic(api_key="sk-ant-test", base_url=url, max_retries=0, timeout=60) as client:
        yield client


def make_batch(claude: anthropic.Anthropic, *models: str) -> Any:
    asked: list[Any] = [
        {"custom_id": f"n{n}", "params": {"model": model, "max_tokens": 64, "messages": HELLO}}
        for n, model in enumerate(models)
    ]
    return claude.messages.batches.create(requests=asked)


def test_a_batch_tells_its_results_at_an_absolute_url(claude: anthropic.Anthropic, provider: FakeProvider) -> None:
    batch = make_batch(claude, "claude-haiku-4-5", "claude-sonnet-4-5@cached", "claude-haiku-4-5@overloaded")
    assert (batch.processing_status, batch.results_url, batch.request_counts.processing) == ("in_progress", None, 3)
    assert claude.messages.batches.retrieve(batch.id).processing_status == "in_progress"
    ended = claude.messages.batches.retrieve(batch.id)
    assert ended.processing_status == "ended"
    assert (ended.request_counts.succeeded, ended.request_counts.errored) == (2, 1)
    assert ended.results_url == f"{provider.url}/anthropic/v1/messages/batches/{batch.id}/results"
    results = list(claude.messages.batches.results(batch.id))
    assert [(one.custom_id, one.result.type) for one in results] == [
        ("n0", "succeeded"), ("n1", "succeeded"), ("n2", "errored"),
    ]  # fmt: skip
    used = provider.used(batch.id)
    assert [one.model for one in used] == ["claude-haiku-4-5-20251001", "claude-sonnet-4-5-20250929"]
    assert used[1].usage["cache_read_input_tokens"] == 1024
    messages: list[Any] = [one.result for one in results[:2]]
    assert [one.message.usage.service_tier for one in messages] == ["batch", "batch"]
    assert [one.message.usage.output_tokens for one in messages] == [one.usage["output_tokens"] for one in used]
    assert [one.id for one in claude.messages.batches.list()] == [batch.id]
    assert claude.messages.batches.delete(batch.id).id == batch.id


def test_a_cancelled_batch_has_answered_a_part(claude: anthropic.Anthropic, provider: FakeProvider) -> None:
    batch = make_batch(claude, "claude-haiku-4-5", "claude-haiku-4-5")
    assert claude.messages.batches.cancel(batch.id).processing_status == "canceling"
    for _ in range(2):
        ended = claude.messages.batches.retrieve(batch.id)
    assert (ended.request_counts.succeeded, ended.request_counts.canceled) == (1, 1)
    assert len(provider.used(batch.id)) == 1


def test_models_and_files_answer(claude: anthropic.Anthropic) -> None:
    assert claude.models.retrieve("claude-haiku-4-5").id == "claude-haiku-4-5-20251001"
    content = bytes(range(256))
    made = claude.files.upload(file=("a.bin", content, "application/x-thing"))
    assert (made.filename, made.size_bytes, made.mime_type) == ("a.bin", 256, "application/x-thing")
    assert [file.id for file in claude.files.list()] == [made.id]
    assert claude.files.download(made.id).read() == content
    assert claude.files.delete(made.id).id == made.id
    with pytest.raises(anthropic.NotFoundError):
        claude.files.retrieve_metadata(made.id)


def test_the_older_completions_tell_no_usage(provider: FakeProvider) -> None:
    body = {"model": "claude-2.1", "prompt": "\n\nHuman: Hi\n\nAssistant:", "max_tokens_to_sample": 9}
    headers = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}
    whole = requests.post(f"{provider.anthropic_url}/complete", json=body, headers=headers, timeout=60)
    streamed = requests.post(
        f"{provider.anthropic_url}/complete", json=body | {"stream": True}, headers=headers, timeout=60
    )
    assert whole.json()["completion"].startswith("The answer")
    assert streamed.text.count("event: completion") == 10
    assert [exchange.usage for exchange in provider.log] == [None, None]
