"""What must be true of a call made by one of the documentation's snippets."""

from decimal import Decimal

from tests.documentation.served import Account, Call
from tests.fake_provider import Exchange

# 42 tokens in and 120 out, at the list prices of the models in the documentation.
GPT_4O_COST = Decimal("0.001305")  # 42 x $2.50 and 120 x $10 a million
SONNET_4_COST = Decimal("0.001926")  # 42 x $3 and 120 x $15 a million
COSTS = {"openai": GPT_4O_COST, "anthropic": SONNET_4_COST}
_CREDENTIALS = {"openai": ("authorization", "Bearer sk-user_openai_key_here")}
_CREDENTIALS["anthropic"] = ("x-api-key", "sk-ant-user_anthropic_key_here")
_TARGETS = {"openai": "/openai/v1/chat/completions", "anthropic": "/anthropic/v1/messages"}


def assert_received_clean(account: Account, exchange: Exchange, provider: str) -> None:
    """The provider sees its own key and nothing of ours."""
    assert (exchange.method, exchange.target, exchange.status) == ("POST", _TARGETS[provider], 200)
    name, value = _CREDENTIALS[provider]
    credentials = [
        (key.lower(), text) for key, text in exchange.headers if key.lower() in {"authorization", "x-api-key"}
    ]
    assert credentials == [(name, value)]
    assert not [key for key, _ in exchange.headers if key.lower().startswith(("x-provider-key", "x-aipc", "x-sandbox"))]
    everything = repr(exchange.headers).encode() + exchange.body
    assert account.key.encode() not in everything
    assert b"_aipromptcost" not in everything


def assert_booked(
    call: Call, provider: str, *, prompt_key: str = "document-summarizer", version: int | None = 2
) -> None:
    """One request, at the cost worked out by hand, under every heading of the REST API."""
    cost = COSTS[provider]
    (by_prompt,) = call.reports.get("by-prompt")["prompts"]
    assert (by_prompt["prompt_key"], by_prompt["total_cost"], by_prompt["request_count"]) == (prompt_key, cost, 1)
    (by_team,) = call.reports.get("by-team")["teams"]
    assert (by_team["team_name"], by_team["total_cost"], by_team["request_count"]) == ("backend", cost, 1)
    (by_version,) = call.reports.get("version-comparison", prompt_key=prompt_key)["versions"]
    assert (by_version["version_number"], by_version["total_cost"], by_version["request_count"]) == (version, cost, 1)
    assert by_version["avg_cost_per_request"] == cost
    assert call.reports.monthly()["total_cost"] == cost
    for name in COSTS:
        assert call.reports.monthly(provider=name)["total_cost"] == (cost if name == provider else 0)


def assert_documented(call: Call, provider: str) -> None:
    """All of it, with the metadata that the documentation's snippets carry."""
    assert_booked(call, provider)
    assert call.reports.tags() == {"summarization", "documents"}
