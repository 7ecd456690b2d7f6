"""A record's line, made of what was known at the call's start and of how it ended."""

import pytest

from analytics.usage import (
    Alias,
    CallFacts,
    Completion,
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


def test_an_outcome_has_no_field_of_the_facts() -> None:
    with pytest.raises(TypeError):
        Outcome(team_id=1)
