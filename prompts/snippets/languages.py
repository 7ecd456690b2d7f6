"""The snippets: one function for each way to send a request. Each is a whole program that prints the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from prompts.snippets import literals
from prompts.snippets.sample import Sample

_ANSWERS = {
    "openai": {"python": 'data["choices"][0]["message"]["content"]', "javascript": "data.choices[0].message.content"},
    # The first part of an answer need not be text: a model that thinks begins with its thoughts.
    "anthropic": {
        "python": 'next(part["text"] for part in data["content"] if part["type"] == "text")',
        "javascript": 'data.content.find((part) => part.type === "text").text',
    },
}


@dataclass(frozen=True, slots=True)
class Kind:
    """`language` as Pygments calls it; `install` is what has to be there, empty for nothing."""

    id: str
    label: str
    language: str
    providers: tuple[str, ...]
    install: str = ""


def _curl(sample: Sample) -> str:
    headers = {
        "Authorization": f"Bearer {sample.platform_key}",
        "X-Provider-Key": sample.provider_key,
        "Content-Type": "application/json",
    }
    lines = [f"curl {literals.shell(sample.url) if _needs_quotes(sample.url) else sample.url}"]
    lines += [f'  -H "{name}: {value}"' for name, value in headers.items()]
    lines.append(f"  -d {literals.shell(literals.json_text(sample.body, 0))}")
    return " \\\n".join(lines)


def _requests(sample: Sample) -> str:
    return f"""import requests

response = requests.post(
    {literals.python(sample.url)},
    headers={{
        "Authorization": "Bearer {sample.platform_key}",
        "X-Provider-Key": "{sample.provider_key}",
    }},
    json={_nested_python(sample.body)},
    timeout=60,
)
response.raise_for_status()
data = response.json()
print({_ANSWERS[sample.provider]["python"]})"""


def _fetch(sample: Sample) -> str:
    body = literals.javascript(sample.body).replace("\n", "\n  ")
    return f"""const response = await fetch({literals.javascript(sample.url)}, {{
  method: "POST",
  headers: {{
    Authorization: "Bearer {sample.platform_key}",
    "X-Provider-Key": "{sample.provider_key}",
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({body}),
}});

const data = await response.json();
if (!response.ok) throw new Error(data.error.message);
console.log({_ANSWERS[sample.provider]["javascript"]});"""


def _openai_python(sample: Sample) -> str:
    return f"""from openai import OpenAI

client = OpenAI(
    base_url={literals.python(sample.base_url)},
    api_key="{sample.platform_key}",
    default_headers={{"X-Provider-Key": "{sample.provider_key}"}},
)

response = client.chat.completions.create(
{_keywords(sample)}
)
print(response.choices[0].message.content)"""


def _anthropic_python(sample: Sample) -> str:
    return f"""from anthropic import Anthropic

client = Anthropic(
    base_url={literals.python(sample.base_url)},
    api_key="{sample.platform_key}",
    default_headers={{"X-Provider-Key": "{sample.provider_key}"}},
)

message = client.messages.create(
{_keywords(sample)}
)
print(next(part.text for part in message.content if part.type == "text"))"""


def _openai_node(sample: Sample) -> str:
    return f"""import OpenAI from "openai";

const client = new OpenAI({{
  baseURL: {literals.javascript(sample.base_url)},
  apiKey: "{sample.platform_key}",
  defaultHeaders: {{ "X-Provider-Key": "{sample.provider_key}" }},
}});

const response = await client.chat.completions.create({_node_members(sample)});
console.log(response.choices[0].message.content);"""


def _anthropic_node(sample: Sample) -> str:
    return f"""import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({{
  baseURL: {literals.javascript(sample.base_url)},
  apiKey: "{sample.platform_key}",
  defaultHeaders: {{ "X-Provider-Key": "{sample.provider_key}" }},
}});

const message = await client.messages.create({_node_members(sample)});
console.log(message.content.find((part) => part.type === "text").text);"""


def _node_members(sample: Sample) -> str:
    """The SDKs send members that they do not know. Spread, the member passes TypeScript's check of known ones too."""
    written = literals.javascript(sample.parameters)
    if not sample.metadata:
        return written
    return f"{written[:-2]}\n  ...{literals.javascript({'_aipromptcost': sample.metadata}, 1)},\n}}"


def _keywords(sample: Sample) -> str:
    members = dict(sample.parameters)
    if sample.metadata:
        members["extra_body"] = {"_aipromptcost": sample.metadata}
    return "\n".join(f"    {name}={literals.python(value, 1)}," for name, value in members.items())


def _nested_python(value: object) -> str:
    return literals.python(value).replace("\n", "\n    ")


def _needs_quotes(url: str) -> bool:
    return any(character in url for character in "&?;*[]()$'\"\\ ")


_BOTH = ("openai", "anthropic")
_MADE: Mapping[str, tuple[Kind, Callable[[Sample], str]]] = MappingProxyType(
    {
        kind.id: (kind, write)
        for kind, write in (
            (Kind("curl", "cURL", "bash", _BOTH), _curl),
            (Kind("requests", "Python requests", "python", _BOTH, "pip install requests"), _requests),
            (Kind("openai-python", "OpenAI SDK, Python", "python", ("openai",), "pip install openai"), _openai_python),
            (Kind("openai-node", "OpenAI SDK, Node", "javascript", ("openai",), "npm install openai"), _openai_node),
            (
                Kind("anthropic-python", "Anthropic SDK, Python", "python", ("anthropic",), "pip install anthropic"),
                _anthropic_python,
            ),
            (
                Kind(
                    "anthropic-node",
                    "Anthropic SDK, Node",
                    "javascript",
                    ("anthropic",),
                    "npm install @anthropic-ai/sdk",
                ),
                _anthropic_node,
            ),
            (Kind("fetch", "fetch", "javascript", _BOTH), _fetch),
        )
    }
)
KINDS = tuple(kind for kind, _ in _MADE.values())


def kinds_for(provider: str) -> tuple[Kind, ...]:
    return tuple(kind for kind in KINDS if provider in kind.providers)


def render(kind_id: str, sample: Sample) -> str:
    """The program's text. Raises KeyError for an unknown kind, ValueError for a provider that it does not speak to."""
    kind, write = _MADE[kind_id]
    if sample.provider not in kind.providers:
        raise ValueError(f"{kind.label} does not speak to {sample.provider}")
    return write(sample)
