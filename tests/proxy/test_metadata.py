"""`_aipromptcost` and the headers that say the same: taken out of what goes upstream, kept on the record."""

import gzip
import json

import pytest

from tests.fake_provider import FakeProvider
from tests.proxy.calls import CHAT, MESSAGES, Caller, chat, message
from tests.proxy.records import Records

KEPT = (
    r'"model":"gpt-4o"',
    r'"messages": [ {"role":"user" , "content":"caf\u00e9 é 🙂 \/ {\"_aipromptcost\": {\"prompt_key\": \"inner\"}}"} ]',
    r'"metadata": {"_aipromptcost": {"prompt_key": "nested"}, "a":1 , "a":2}',
    r'"seed": 123456789012345678901234567890',
    r'"temperature": 1.0e+0',
    r'"logit_bias": {"1": -0.00, "2": 1E2}',
    r'"x":null',
)


@pytest.mark.parametrize("at", [0, 3, len(KEPT)])
def test_only_the_member_is_taken_out_and_every_other_value_stays_byte_for_byte(
    proxy: Caller, provider: FakeProvider, records: Records, at: int
) -> None:
    member = '"_aipromptcost" : { "prompt_key" : "greeting" , "feature_tags": ["chat", "beta"], "version": 3 }'
    members = [*KEPT[:at], member, *KEPT[at:]]
    reply = proxy.post(CHAT, ("{ " + " ,\n".join(members) + " }\n").encode())

    assert reply.status == 200
    (seen,) = provider.log
    expected = "{" + ",".join(_without_space_after_name(kept) for kept in KEPT) + "}"
    assert seen.body == expected.encode()
    assert seen.header("content-length") == str(len(seen.body))
    record = records.of(reply.call_id)
    assert (record.prompt_key, record.tags, record.version) == ("greeting", ("chat", "beta"), 3)


def _without_space_after_name(member: str) -> str:
    """White space between a top-level name and its value is not kept; the value is."""
    name, _, value = member.partition(":")
    return f"{name}:{value.strip()}"


@pytest.mark.parametrize(
    "body",
    [
        b' {"model" : "gpt-4o",\r\n "messages": [{"role": "user", "content": "a"}] , "seed": 9007199254740993 }\n',
        b'{"model":"gpt-4o","model":"gpt-4o-mini","messages":[{"content":"\\ud83d"}],"stream":false}',
        b'{"model":"gpt-4o","messages":[{"content":"_aipromptcost"}],"stream_options":null}',
    ],
)
def test_a_body_without_the_member_goes_upstream_as_it_is(proxy: Caller, provider: FakeProvider, body: bytes) -> None:
    proxy.post(CHAT, body)
    assert provider.log[0].body == body


def test_a_body_of_megabytes_passes(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    text = "All work and no play. " * 200_000
    hello = [{"role": "user", "content": text}]
    reply = proxy.post(CHAT, chat(messages=hello, _aipromptcost={"prompt_key": "long"}))
    assert provider.log[0].json() == {"model": "gpt-4o", "messages": hello}
    assert records.of(reply.call_id).prompt_key == "long"


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_both_providers_take_the_same_metadata(
    proxy: Caller, provider: FakeProvider, records: Records, path: str
) -> None:
    asked = {"_aipromptcost": {"prompt_key": "greeting", "feature_tags": ["chat"], "version": 2}}
    reply = proxy.post(path, chat(**asked) if path == CHAT else message(**asked))
    assert reply.status == 200
    assert reply.all_headers("x-aipc-warning") == []
    assert b"_aipromptcost" not in provider.log[0].body
    record = records.of(reply.call_id)
    assert (record.prompt_key, record.tags, record.version) == ("greeting", ("chat",), 2)


def test_metadata_may_come_by_headers(proxy: Caller, provider: FakeProvider, records: Records) -> None:
    names = {"X-Aipc-Prompt-Key": "caf\u00e9".encode().decode("latin-1"), "X-Aipc-Tags": " chat, beta ,,chat"}
    reply = proxy.post(CHAT, chat(), names | {"X-Aipc-Version": "7"})
    record = records.of(reply.call_id)
    assert (record.prompt_key, record.tags, record.version) == ("café", ("chat", "beta"), 7)
    assert provider.log[0].body == chat()


def test_the_body_wins_over_the_headers_field_by_field(proxy: Caller, records: Records) -> None:
    headers = {"X-Aipc-Prompt-Key": "from-header", "X-Aipc-Tags": "header", "X-Aipc-Version": "7"}
    reply = proxy.post(CHAT, chat(_aipromptcost={"prompt_key": "from-body", "version": 2}), headers)
    record = records.of(reply.call_id)
    assert (record.prompt_key, record.tags, record.version) == ("from-body", ("header",), 2)


def test_metadata_is_taken_on_routes_that_are_only_forwarded(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    body = {"model": "text-embedding-3-small", "input": "x", "_aipromptcost": {"prompt_key": "search"}}
    reply = proxy.post("openai/embeddings", json.dumps(body).encode())
    assert provider.log[0].json() == {"model": "text-embedding-3-small", "input": "x"}
    record = records.of(reply.call_id)
    assert (record.prompt_key, record.metering, record.route) == ("search", "metered", "embeddings")
    assert record.model_requested == "text-embedding-3-small"


@pytest.mark.parametrize(
    ("given", "prompt_key", "tags", "version"),
    [
        ({"version": "2"}, "", (), 2),
        ({"version": 2.0}, "", (), 2),
        ({"version": ""}, "", (), 0),
        ({"version": 2**31 - 1}, "", (), 2**31 - 1),
        ({"feature_tags": "chat"}, "", ("chat",), 0),
        ({"feature_tags": [" chat ", "chat", "", 5]}, "", ("chat", "5"), 0),
        ({"prompt_key": "  greeting "}, "greeting", (), 0),
        ({"prompt_key": 12}, "12", (), 0),
        ({"prompt_key": "unknown"}, "", (), 0),
        ({"prompt_key": "k" * 128}, "k" * 128, (), 0),
        ({"prompt_key": None, "feature_tags": None, "version": None}, "", (), 0),
        ({"feature_tags": ["t" * 64]}, "", ("t" * 64,), 0),
        ({}, "", (), 0),
        (None, "", (), 0),
    ],
)
def test_what_can_be_understood_is_taken_without_a_warning(
    proxy: Caller, records: Records, given: object, prompt_key: str, tags: tuple[str, ...], version: int
) -> None:
    reply = proxy.post(CHAT, chat(_aipromptcost=given))
    assert (reply.status, reply.header("x-aipc-warning")) == (200, "")
    record = records.of(reply.call_id)
    assert (record.prompt_key, record.tags, record.version) == (prompt_key, tags, version)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"prompt_key": "k" * 129}, "prompt_key"),
        ({"prompt_key": "line\nbreak"}, "prompt_key"),
        ({"prompt_key": "nul\x00"}, "prompt_key"),
        ({"prompt_key": ["list"]}, "prompt_key"),
        ({"feature_tags": ["chat", "t" * 65]}, "feature_tags"),
        ({"feature_tags": ["chat", "nul\x00"]}, "feature_tags"),
        ({"feature_tags": ["chat", {"a": 1}]}, "feature_tags"),
        ({"feature_tags": ["chat", *map(str, range(20))]}, "feature_tags"),
        ({"version": 0}, "version"),
        ({"version": 2**31}, "version"),
        ({"version": "two"}, "version"),
        ({"version": 1.5}, "version"),
        ({"version": True}, "version"),
        ({"prompt": "greeting"}, "_aipromptcost"),
        (["list"], "_aipromptcost"),
        ("text", "_aipromptcost"),
    ],
)
def test_bad_metadata_never_fails_a_call_but_is_warned_of(
    proxy: Caller, provider: FakeProvider, records: Records, given: object, named: str
) -> None:
    reply = proxy.post(CHAT, chat(_aipromptcost=given))
    assert reply.status == 200
    assert named in reply.header("x-aipc-warning")
    assert provider.log[0].json() == json.loads(chat())
    record = records.of(reply.call_id)
    assert (record.prompt_key, record.version) == ("", 0)
    assert set(record.tags) <= {"chat", *map(str, range(19))}
    assert len(record.tags) <= 20


def test_a_warning_comes_with_a_stream_and_with_an_error_of_the_provider_too(
    proxy: Caller, provider: FakeProvider
) -> None:
    bad = {"_aipromptcost": {"version": -1}}
    assert "version" in proxy.post(CHAT, chat(stream=True, **bad)).header("x-aipc-warning")
    provider.script("rate-limited")
    assert "version" in proxy.post(CHAT, chat(**bad)).header("x-aipc-warning")


def test_a_bad_header_is_warned_of_as_well(proxy: Caller, records: Records) -> None:
    reply = proxy.post(CHAT, chat(), {"X-Aipc-Version": "0", "X-Aipc-Prompt-Key": "k" * 129, "X-Aipc-Tags": "ok"})
    warned = reply.header("x-aipc-warning")
    assert "version" in warned
    assert "prompt_key" in warned
    assert records.of(reply.call_id).tags == ("ok",)


# --- Encoded request bodies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [{}, {"_aipromptcost": {"prompt_key": "zipped"}}])
def test_a_gzipped_request_is_decoded(
    proxy: Caller, provider: FakeProvider, records: Records, asked: dict[str, object]
) -> None:
    reply = proxy.post(CHAT, gzip.compress(chat(**asked)), {"content-encoding": "gzip"})
    assert reply.status == 200
    (seen,) = provider.log
    assert seen.json() == json.loads(chat())
    assert seen.header("content-encoding") == ""
    assert seen.header("content-length") == str(len(seen.body))
    assert records.of(reply.call_id).prompt_key == ("zipped" if asked else "")
