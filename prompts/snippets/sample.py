"""What a snippet asks, of whom, and how the request is labelled."""

from dataclasses import dataclass, field
from typing import Any

# Stands where the reader's platform key belongs. Pages put the key in, in the browser alone.
KEY_PLACEHOLDER = "YOUR_API_KEY"
PROVIDER_KEY_PLACEHOLDERS = {"openai": "YOUR_OPENAI_KEY", "anthropic": "YOUR_ANTHROPIC_KEY"}
ROUTES = {"openai": "chat/completions", "anthropic": "messages"}
# Anthropic's API asks for `max_tokens` in every request ("Create a Message").
_ANTHROPIC_MAX_TOKENS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """`public_url` has no slash at its end. What is None, or empty, is left out of the request."""

    public_url: str
    provider: str
    model: str
    prompt: str = "Say hello in one short sentence."
    system: str = ""
    prompt_key: str = ""
    feature_tags: tuple[str, ...] = field(default=())
    version: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    platform_key: str = KEY_PLACEHOLDER

    @property
    def provider_key(self) -> str:
        return PROVIDER_KEY_PLACEHOLDERS[self.provider]

    @property
    def base_url(self) -> str:
        """What the SDKs take; they append the route."""
        return f"{self.public_url}/api/proxy/v1/{self.provider}"

    @property
    def url(self) -> str:
        return f"{self.base_url}/{ROUTES[self.provider]}"

    @property
    def metadata(self) -> dict[str, Any]:
        """The member `_aipromptcost`."""
        given = {"prompt_key": self.prompt_key, "feature_tags": list(self.feature_tags), "version": self.version}
        return {name: value for name, value in given.items() if value not in (None, "", [])}

    @property
    def parameters(self) -> dict[str, Any]:
        """The provider's own members of the request's body.

        OpenAI's newer models take `max_completion_tokens` alone; Anthropic's API refuses `temperature` since its
        version of October 2026, which current SDKs send.
        """
        messages = [{"role": "user", "content": self.prompt}]
        if self.provider == "anthropic":
            members: dict[str, Any] = {"model": self.model, "max_tokens": self.max_tokens or _ANTHROPIC_MAX_TOKENS}
            if self.system:
                members["system"] = self.system
            return {**members, "messages": messages}
        if self.system:
            messages.insert(0, {"role": "system", "content": self.system})
        limits = {"temperature": self.temperature, "max_completion_tokens": self.max_tokens}
        given = {name: value for name, value in limits.items() if value is not None}
        return {"model": self.model, "messages": messages, **given}

    @property
    def body(self) -> dict[str, Any]:
        """The whole request, as it is sent to the proxy."""
        metadata = self.metadata
        return {**self.parameters, **({"_aipromptcost": metadata} if metadata else {})}
