"""Which models answered, beside the configured one: snapshots are the same model, anything else is drift."""

import pytest

from analytics.versions.models_seen import Seen, find_drift, is_same_model


@pytest.mark.parametrize(
    ("configured", "seen", "is_same"),
    [
        ("gpt-4o", "gpt-4o", True),
        ("gpt-4o", "GPT-4o-2024-08-06", True),
        ("gpt-3.5-turbo", "gpt-3.5-turbo-0125", True),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001", True),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", True),
        ("claude-opus-4-0", "claude-opus-4-20250514", True),
        ("gpt-4o-2024-08-06", "gpt-4o", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o", "gpt-4o-mini-2024-07-18", False),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20", False),
        ("gpt-4", "gpt-4o-2024-08-06", False),
        ("claude-opus-4-0", "claude-opus-4-1-20250805", False),
    ],
)
def test_a_dated_snapshot_is_the_same_model(configured: str, seen: str, is_same: bool) -> None:
    assert is_same_model(configured, seen) is is_same


def test_drift_is_said_in_words() -> None:
    def drift(**requests: int) -> str:
        found = find_drift(
            "gpt-4o", [Seen("openai", name.replace("_", "-"), count) for name, count in requests.items()]
        )
        return found.words if found else ""

    assert drift(gpt_4o=8, gpt_4o_mini=312) == "configured gpt-4o, but 312 of 320 requests were answered by gpt-4o-mini"
    assert drift(gpt_4o=8, gpt_4o_mini=1) == "configured gpt-4o, but 1 of 9 requests was answered by gpt-4o-mini"
    assert drift(gpt_4o_mini=20) == "configured gpt-4o, but all 20 requests were answered by gpt-4o-mini"
    assert drift(gpt_4o_mini=1) == "configured gpt-4o, but its only request was answered by gpt-4o-mini"
    assert drift(gpt_4o=1, o3=2, o4_mini=5) == (
        "configured gpt-4o, but 7 of 8 requests were answered by other models: o4-mini (5), o3 (2)"
    )
    assert drift(gpt_4o=5) == drift() == ""
    assert find_drift("gpt-4o", [Seen("openai", "", 4), Seen("openai", "gpt-4o-2024-08-06", 4)]) is None
