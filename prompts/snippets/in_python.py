"""Python: requests, httpx, and both SDKs, each also as a stream; httpx and the SDKs also async."""

from textwrap import indent
from typing import Any

from prompts.snippets import literals
from prompts.snippets.sample import KEY_VARIABLE, Sample

_SDKS = {"openai": "OpenAI", "anthropic": "Anthropic"}
# The first part of Anthropic's answer need not be text: a model that thinks begins with its thoughts.
_ANSWERS = {
    "openai": 'data["choices"][0]["message"]["content"]',
    "anthropic": 'next(part["text"] for part in data["content"] if part["type"] == "text")',
}
_SDK_ANSWERS = {
    "openai": "response.choices[0].message.content",
    "anthropic": 'next(part.text for part in message.content if part.type == "text")',
}
_PIECES = {
    "openai": """if event["choices"]:
    print(event["choices"][0]["delta"].get("content") or "", end="", flush=True)""",
    "anthropic": """if event["type"] == "content_block_delta" and event["delta"]["type"] == "text_delta":
    print(event["delta"]["text"], end="", flush=True)""",
}
_EVENT = """if not line.startswith(b"data: ") or line == b"data: [DONE]":
    continue
event = json.loads(line[6:])
if "error" in event:
    raise RuntimeError(event["error"]["message"])
"""
_STEP = "    "


def requests(sample: Sample) -> str:
    if not sample.stream:
        call = f"response = requests.post(\n{_request(sample)}\n    timeout=60,\n)"
        return _program(sample, ["import requests"], f"{call}\n{_read_answer(sample)}")
    lines = [
        f"with requests.post(\n{_request(sample)}\n    stream=True,\n    timeout=60,\n) as response:",
        "    response.raise_for_status()",
        "    for line in response.iter_lines():",
        indent(_EVENT + _PIECES[sample.provider], _STEP * 2),
        "print()",
    ]
    return _program(sample, ["import json", "import requests"], "\n".join(lines))


def httpx(sample: Sample) -> str:
    if not sample.stream:
        call = f"response = httpx.post(\n{_request(sample)}\n    timeout=60,\n)"
        return _program(sample, ["import httpx"], f"{call}\n{_read_answer(sample)}")
    opening = f'with httpx.stream(\n    "POST",\n{_request(sample)}\n    timeout=60,\n) as response:'
    body = f"{opening}\n{indent(_httpx_pieces(sample, 'for'), _STEP)}\nprint()"
    return _program(sample, ["import json", "import httpx"], body)


def httpx_async(sample: Sample) -> str:
    imports = ["import httpx"]
    if sample.stream:
        imports.insert(0, "import json")
        opening = f'async with client.stream(\n    "POST",\n{_request(sample)}\n) as response:'
        inner = f"{opening}\n{indent(_httpx_pieces(sample, 'async for'), _STEP)}\nprint()"
    else:
        inner = f"response = await client.post(\n{_request(sample)}\n)\n{_read_answer(sample)}"
    body = f"async with httpx.AsyncClient(timeout=60) as client:\n{indent(inner, _STEP)}"
    return _program(sample, imports, body, is_async=True)


def sdk(sample: Sample) -> str:
    return _program(sample, [_import_client(sample, "")], _sdk_body(sample, ""))


def sdk_async(sample: Sample) -> str:
    return _program(sample, [_import_client(sample, "Async")], _sdk_body(sample, "Async"), is_async=True)


def _import_client(sample: Sample, prefix: str) -> str:
    return f"from {sample.provider} import {prefix}{_SDKS[sample.provider]}"


def _sdk_body(sample: Sample, prefix: str) -> str:
    own, provider = _keys(sample)
    client = f"""client = {prefix}{_SDKS[sample.provider]}(
    base_url={literals.python(sample.base_url)},
    api_key={own},
    default_headers={{"X-Provider-Key": {provider}}},
)
"""
    wait, async_ = ("await ", "async ") if prefix else ("", "")
    if sample.provider == "openai":
        name = "stream" if sample.stream else "response"
        lines = [f"{name} = {wait}client.chat.completions.create(\n{_keywords(sample)}\n)"]
        if sample.stream:
            lines.append(f"{async_}for chunk in stream:")
            lines.append(
                '    if chunk.choices:\n        print(chunk.choices[0].delta.content or "", end="", flush=True)'
            )
    elif sample.stream:
        lines = [f"{async_}with client.messages.stream(\n{_keywords(sample)}\n) as stream:"]
        lines.append(f'    {async_}for text in stream.text_stream:\n        print(text, end="", flush=True)')
    else:
        lines = [f"message = {wait}client.messages.create(\n{_keywords(sample)}\n)"]
    lines.append("print()" if sample.stream else f"print({_SDK_ANSWERS[sample.provider]})")
    return "\n".join([client, *lines])


def _program(sample: Sample, imports: list[str], body: str, *, is_async: bool = False) -> str:
    """The standard library's imports first. An async program runs in a function of its own."""
    own = {"import asyncio"} if is_async else set()
    own |= {"import os"} if sample.reads_environment else set()
    own |= {line for line in imports if line == "import json"}
    blocks = ["\n".join(sorted(own)), "\n".join(line for line in imports if line not in own)]
    head = "\n\n".join(block for block in blocks if block)
    if is_async:
        return f"{head}\n\n\nasync def main() -> None:\n{indent(body, _STEP)}\n\n\nasyncio.run(main())"
    return f"{head}\n\n{body}"


def _request(sample: Sample) -> str:
    """The arguments that requests and httpx share."""
    own, provider = _keys(sample, "Bearer ")
    return f"""    {literals.python(sample.url)},
    headers={{
        "Authorization": {own},
        "X-Provider-Key": {provider},
    }},
    json={indent(literals.python(sample.body), _STEP).lstrip()},"""


def _read_answer(sample: Sample) -> str:
    return f"response.raise_for_status()\ndata = response.json()\nprint({_ANSWERS[sample.provider]})"


def _httpx_pieces(sample: Sample, loop: str) -> str:
    """Not by httpx' iter_lines, which also splits where a text holds U+2028 or a form feed."""
    parts = "aiter_bytes" if loop.startswith("async") else "iter_bytes"
    return f"""response.raise_for_status()
rest = b""
{loop} chunk in response.{parts}():
    *lines, rest = (rest + chunk).split(b"\\n")
    for line in lines:
{indent("line = line.rstrip()" + chr(10) + _EVENT + _PIECES[sample.provider], _STEP * 2)}"""


def _keys(sample: Sample, prefix: str = "") -> tuple[str, str]:
    """The platform's and the provider's key, as expressions; the first after the prefix."""
    if not sample.reads_environment:
        return literals.python(prefix + sample.platform_key), literals.python(sample.provider_key)
    own = f"f\"{prefix}{{os.environ['{KEY_VARIABLE}']}}\"" if prefix else f'os.environ["{KEY_VARIABLE}"]'
    return own, f'os.environ["{sample.provider_variable}"]'


def _keywords(sample: Sample) -> str:
    members: dict[str, Any] = dict(sample.parameters)
    if sample.stream and sample.provider == "openai":
        members["stream"] = True
    if sample.metadata:
        members["extra_body"] = {"_aipromptcost": sample.metadata}
    return "\n".join(f"    {name}={literals.python(value, 1)}," for name, value in members.items())
