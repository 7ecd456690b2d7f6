"""What a snippet asks, of whom, and how the request is labelled."""

from dataclasses import dataclass, field
from typing import Any, Literal

# Stands where the reader's platform key belongs. Pages put the key in, in the browser alone.
KEY_PLACEHOLDER = "YOUR_API_KEY"
PROVIDER_KEY_PLACEHOLDERS = {"openai": "YOUR_OPENAI_KEY", "anthropic": "YOUR_ANTHROPIC_KEY"}
# The variables of the environment that hold the keys, where code reads them from there.
KEY_VARIABLE = "AIPROMPTCOST_API_KEY"
PROVIDER_KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
ROUTES = {"openai": "chat/completions", "anthropic": "messages"}
# Anthropic's API asks for `max_tokens` in every request ("Create a Message").
ANTHROPIC_MAX_TOKENS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """`public_url` has no slash at its end. What is None, or empty, is left out of the request.

    `keys`: whether the code holds placeholders to overwrite, or reads the keys from the environment.
    """

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
    stream: bool = False
    keys: Literal["placeholders", "environment"] = "placeholders"
    platform_key: str = KEY_PLACEHOLDER

    @property
    def reads_environment(self) -> bool:
        return self.keys == "environment"

    @property
    def provider_key(self) -> str:
        return PROVIDER_KEY_PLACEHOLDERS[self.provider]

    @property
    def provider_variable(self) -> str:
        return PROVIDER_KEY_VARIABLES[self.provider]

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
    def metadata_headers(self) -> dict[str, str]:
        """The same for clients that cannot add a member to the body. Tags hold no comma."""
        version = None if self.version is None else str(self.version)
        given = {
            "x-aipc-prompt-key": self.prompt_key,
            "x-aipc-tags": ", ".join(self.feature_tags),
            "x-aipc-version": version,
        }
        return {name: value for name, value in given.items() if value}

    @property
    def parameters(self) -> dict[str, Any]:
        """The provider's own members of the request's body, but for `stream`.

        OpenAI's newer models take `max_completion_tokens` alone; Anthropic's API refuses `temperature` since its
        version of October 2026, which current SDKs send.
        """
        messages = [{"role": "user", "content": self.prompt}]
        if self.provider == "anthropic":
            members: dict[str, Any] = {"model": self.model, "max_tokens": self.max_tokens or ANTHROPIC_MAX_TOKENS}
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
        return {
            **self.parameters,
            **({"stream": True} if self.stream else {}),
            **({"_aipromptcost": metadata} if metadata else {}),
        }
