"""The guide's test prompt: a real call through the proxy's own endpoint, in this process.

Neither key, prompt nor answer is kept here or logged; they live in the request and in its answer.
"""

import asyncio
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from accounts.onboarding.words import Explanation, explain
from prompts.snippets.sample import Sample
from proxy import endpoint
from proxy.relay import Receive, Send

if TYPE_CHECKING:
    import httpx

PROMPT_KEY = "onboarding-test"  # tells the guide's own calls from those that come from outside
TAGS = ("onboarding",)
MAX_TOKENS = 1024
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """`call_id` is None where the call did not get as far as being one."""

    call_id: UUID | None
    text: str = ""
    finish_reason: str = ""
    problem: Explanation | None = None


async def send(
    *, provider: str, model: str, prompt: str, platform_key: str, provider_key: str, is_simulated: bool
) -> Outcome:
    # With what it imports it takes four megabytes, which a process that only proxies need not hold.
    import httpx

    sample = Sample(
        public_url="http://onboarding",
        provider=provider,
        model=model,
        prompt=prompt,
        prompt_key=PROMPT_KEY,
        feature_tags=TAGS,
        max_tokens=MAX_TOKENS,
    )
    headers = {"authorization": f"Bearer {platform_key}", "user-agent": "AI-Prompt-Cost-onboarding"}
    headers |= {"x-sandbox": "true"} if is_simulated else {"x-provider-key": provider_key}
    transport = httpx.ASGITransport(app=_Patient(endpoint.application, PATIENCE_SECONDS))
    try:
        async with httpx.AsyncClient(transport=transport, timeout=2 * PATIENCE_SECONDS) as client:
            response = await client.post(sample.url, headers=headers, json=sample.body)
    except httpx.HTTPError:
        return Outcome(None, problem=explain(code="upstream_broken", status=502, provider=provider))
    outcome = read(provider, response)
    if provider_key and outcome.problem and provider_key in outcome.problem.said:
        return replace(outcome, problem=replace(outcome.problem, said=""))
    return outcome


def read(provider: str, response: "httpx.Response") -> Outcome:
    """What the answer says. It may be anything: the provider's, or what stands between the provider and us."""
    call_id: UUID | None = None
    with suppress(ValueError):
        call_id = UUID(response.headers.get("x-aipc-request-id", ""))
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.is_success and body is None:
        return Outcome(call_id, problem=explain(code="upstream_broken", status=502, provider=provider))
    if response.is_success:
        text, finish_reason = _read_answer(provider, body)
        return Outcome(call_id, text, finish_reason)
    error = _member(body, "error")
    code = response.headers.get("x-aipc-error") or _text(_member(error, "code")) or _text(_member(error, "type"))
    said = "" if "x-aipc-error" in response.headers else _text(_member(error, "message"))
    return Outcome(call_id, problem=explain(code=code, status=response.status_code, provider=provider, said=said[:500]))


def _read_answer(provider: str, body: Any) -> tuple[str, str]:
    if provider == "anthropic":
        parts = _member(body, "content")
        texts = [_text(_member(part, "text")) for part in parts] if isinstance(parts, list) else []
        return "".join(texts), _text(_member(body, "stop_reason"))
    choices = _member(body, "choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = _member(choice, "message")
    text = _text(_member(message, "content")) or _text(_member(message, "refusal"))
    return text, _text(_member(choice, "finish_reason"))


def _member(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


class _Patient:
    """The endpoint, hung up on when it takes too long, so that the call is recorded as any that a client leaves."""

    def __init__(self, app: Any, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        deadline = asyncio.get_running_loop().time() + self._seconds
        is_started = is_complete = False

        async def receive_in_time() -> MutableMapping[str, Any]:
            try:
                async with asyncio.timeout_at(deadline):
                    return await receive()
            except TimeoutError:
                return {"type": "http.disconnect"}

        async def send_on(message: MutableMapping[str, Any]) -> None:
            nonlocal is_started, is_complete
            is_started = True
            is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        await self._app(scope, receive_in_time, send_on)
        # What a server does by closing the connection: the answer ends all the same, and what came of it is unreadable.
        if not is_started:
            headers = [(b"x-aipc-error", b"waited_too_long")]
            await send({"type": "http.response.start", "status": 504, "headers": headers})
        if not is_complete:
            await send({"type": "http.response.body", "body": b""})
