"""Code to paste that sends a request through the proxy. Pure: no Django, no network and no clock."""

from dataclasses import dataclass
from json import dumps
from typing import Any

NO_KEY = "YOUR_API_KEY"  # where the key's text is not known any more

PROVIDERS = {"openai": "OpenAI", "anthropic": "Anthropic"}
_MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5"}
_ROUTES = {"openai": "chat/completions", "anthropic": "messages"}
_PROVIDER_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}


@dataclass(frozen=True, slots=True)
class Snippet:
    """`id` is unique among the snippets of all providers; `language` is Pygments' name of it."""

    id: str
    label: str
    language: str
    code: str


def write(*, provider: str, public_url: str, api_key: str = NO_KEY, prompt_key: str = "greeting") -> list[Snippet]:
    """The same request in each language, cURL first. The provider's key is read from the environment."""
    return [
        Snippet(f"{provider}-curl", "cURL", "bash", _curl(provider, public_url, api_key, prompt_key)),
        Snippet(f"{provider}-python", "Python SDK", "python", _python(provider, public_url, api_key, prompt_key)),
    ]


def _curl(provider: str, public_url: str, api_key: str, prompt_key: str) -> str:
    body: dict[str, Any] = {"model": _MODELS[provider]}
    if provider == "anthropic":
        body["max_tokens"] = 200
    body["messages"] = [{"role": "user", "content": "Say hello."}]
    body["_aipromptcost"] = {"prompt_key": prompt_key}
    text = dumps(body, indent=2).replace("'", "'\\''")
    return (
        f"curl {public_url}/api/proxy/v1/{provider}/{_ROUTES[provider]} \\\n"
        f'  -H "Authorization: Bearer {api_key}" \\\n'
        f'  -H "X-Provider-Key: ${_PROVIDER_KEYS[provider]}" \\\n'
        f'  -H "Content-Type: application/json" \\\n'
        f"  -d '{text}'"
    )


def _python(provider: str, public_url: str, api_key: str, prompt_key: str) -> str:
    name = PROVIDERS[provider]
    call, options = (
        ("chat.completions.create", "")
        if provider == "openai"
        else (
            "messages.create",
            "    max_tokens=200,\n",
        )
    )
    return f"""\
from os import environ

from {provider} import {name}

client = {name}(
    base_url="{public_url}/api/proxy/v1/{provider}",
    api_key="{api_key}",
    default_headers={{"X-Provider-Key": environ["{_PROVIDER_KEYS[provider]}"]}},
)
answer = client.{call}(
    model="{_MODELS[provider]}",
{options}    messages=[{{"role": "user", "content": "Say hello."}}],
    extra_body={{"_aipromptcost": {{"prompt_key": {dumps(prompt_key)}}}}},
)
print(answer)"""
