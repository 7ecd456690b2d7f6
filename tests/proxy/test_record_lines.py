"""A record's line, made of what was known at the call's start and of how it ended."""

import msgspec
import pytest

from analytics.usage import (
    Alias,
    CallFacts,
    Completion,
    FactsWithoutCall,
    Outcome,
    TokenUsage,
    decode_line,
    encode_ended,
    encode_facts,
    encode_line,
    ended,
)

FACTS = CallFacts(
    v=2,
    id="0" * 32,
    started_at=1,
    organization_id=1,
    team_id=2,
    api_key_id=3,
    provider="openai",
    route="chat/completions",
    prompt_key='quotes " and }',
    tags=("a", "b"),
)
_OF_ONE_CALL = {"v", "id", "started_at"}


@pytest.mark.parametrize(
    "outcome",
    [
        {},
        {"status": 200, "model": "gpt-4o", "usage": TokenUsage(input=3, output=4), "usage_source": "provider"},
        {"state": "pending", "object_id": "resp_1", "aliases": (Alias("file", "batch"),)},
        {"error_code": "upstream_broken", "usage": TokenUsage(), "completion": Completion(object_id="x")},
    ],
)
def test_it_is_the_line_of_the_whole_record(outcome: dict[str, object]) -> None:
    line = encode_ended(encode_facts(FACTS), Outcome(**outcome))
    assert line == encode_line(ended(FACTS, **outcome))
    assert decode_line(line) == ended(FACTS, **outcome)


@pytest.mark.parametrize("prompt_key", ["", 'quotes " and }', '"","started_at":0', "50 %b", "snow \u2603"])
@pytest.mark.parametrize("call_id", ["0" * 32, "f" * 32])
def test_facts_that_are_encoded_ahead_are_those_of_the_call(prompt_key: str, call_id: str) -> None:
    facts = msgspec.structs.replace(FACTS, id=call_id, started_at=1_700_000_000_000_000, prompt_key=prompt_key)
    known = {name: value for name, value in msgspec.structs.asdict(facts).items() if name not in _OF_ONE_CALL}
    ahead = FactsWithoutCall(**known)
    assert ahead.encode(call_id, facts.started_at) == encode_facts(facts)
    learnt = ahead.replace(model_requested="tts-1", streamed=True)
    assert learnt.encode(call_id, facts.started_at) == encode_facts(
        msgspec.structs.replace(facts, model_requested="tts-1", streamed=True)
    )


def test_an_outcome_has_no_field_of_the_facts() -> None:
    with pytest.raises(TypeError):
        Outcome(team_id=1)
