"""JavaScript and TypeScript: fetch, both SDKs, the Vercel AI SDK. Only fetch needs other words for TypeScript."""

from prompts.snippets import literals
from prompts.snippets.sample import KEY_VARIABLE, Sample

_PACKAGES = {"openai": ("OpenAI", "openai"), "anthropic": ("Anthropic", "@anthropic-ai/sdk")}
# The first part of Anthropic's answer need not be text: a model that thinks begins with its thoughts.
_ANSWERS = {
    "openai": "data.choices[0].message.content",
    "anthropic": 'data.content.find((part) => part.type === "text")?.text',
}
_ANSWER_TYPES = {
    "openai": "{ choices: { message: { content: string } }[] }",
    "anthropic": "{ content: { type: string; text?: string }[] }",
}
_PIECES = {
    "openai": 'event.choices[0]?.delta.content ?? ""',
    "anthropic": 'event.delta?.text ?? ""',
}
_EVENT_TYPES = {
    "openai": "{ error?: { message: string }; choices: { delta: { content?: string } }[] }",
    "anthropic": "{ error?: { message: string }; delta?: { text?: string } }",
}


def fetch(sample: Sample) -> str:
    return _fetch(sample, is_typed=False)


def fetch_typed(sample: Sample) -> str:
    return _fetch(sample, is_typed=True)


def _fetch(sample: Sample, *, is_typed: bool) -> str:
    own, provider = _keys(sample, "Bearer ", is_typed=is_typed)
    body = literals.javascript(sample.body).replace("\n", "\n  ")
    call = f"""const response = await fetch({literals.javascript(sample.url)}, {{
  method: "POST",
  headers: {{
    Authorization: {own},
    "X-Provider-Key": {provider},
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({body}),
}});
"""
    read = _read_events if sample.stream else _read_answer
    return f"{call}\n{read(sample.provider, is_typed)}"


def _read_answer(provider: str, is_typed: bool) -> str:
    if not is_typed:
        return f"""const data = await response.json();
if (!response.ok) throw new Error(data.error.message);
console.log({_ANSWERS[provider]});"""
    return f"""if (!response.ok) throw new Error(await response.text());
const data = (await response.json()) as {_ANSWER_TYPES[provider]};
console.log({_ANSWERS[provider]});"""


def _read_events(provider: str, is_typed: bool) -> str:
    parsed = f"JSON.parse(line.slice(6)){f' as {_EVENT_TYPES[provider]}' if is_typed else ''}"
    refused = "!response.ok || !response.body" if is_typed else "!response.ok"
    return f"""if ({refused}) throw new Error(await response.text());
let rest = "";
for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {{
  const lines = (rest + chunk).split("\\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {{
    if (!line.startsWith("data: ") || line.startsWith("data: [DONE]")) continue;
    const event = {parsed};
    if (event.error) throw new Error(event.error.message);
    process.stdout.write({_PIECES[provider]});
  }}
}}
console.log();"""


def sdk(sample: Sample) -> str:
    name, package = _PACKAGES[sample.provider]
    own, provider = _keys(sample)
    client = f"""import {name} from "{package}";

const client = new {name}({{
  baseURL: {literals.javascript(sample.base_url)},
  apiKey: {own},
  defaultHeaders: {{ "X-Provider-Key": {provider} }},
}});
"""
    write = _use_openai if sample.provider == "openai" else _use_anthropic
    return f"{client}\n{write(sample)}"


def _use_openai(sample: Sample) -> str:
    if not sample.stream:
        return f"""const response = await client.chat.completions.create({_members(sample)});
console.log(response.choices[0].message.content);"""
    return f"""const stream = await client.chat.completions.create({_members(sample)});
for await (const chunk of stream) {{
  process.stdout.write(chunk.choices[0]?.delta.content ?? "");
}}
console.log();"""


def _use_anthropic(sample: Sample) -> str:
    if not sample.stream:
        return f"""const message = await client.messages.create({_members(sample)});
console.log(message.content.find((part) => part.type === "text")?.text);"""
    return f"""const stream = client.messages.stream({_members(sample)});
for await (const event of stream) {{
  if (event.type === "content_block_delta" && event.delta.type === "text_delta") {{
    process.stdout.write(event.delta.text);
  }}
}}
console.log();"""


def vercel(sample: Sample) -> str:
    """Labels travel as headers: this SDK has no way to add a member to the body."""
    creator = f"create{_PACKAGES[sample.provider][0]}"
    own, provider = _keys(sample, is_typed=True)
    headers = [f'    "X-Provider-Key": {provider},']
    headers += [f'    "{name}": {_header(value)},' for name, value in sample.metadata_headers.items()]
    function, result, use = _vercel_result(sample)
    model = f"{sample.provider}{'.chat' if sample.provider == 'openai' else ''}({literals.javascript(sample.model)})"
    given = {
        "system": sample.system or None,
        "prompt": sample.prompt,
        "temperature": sample.parameters.get("temperature"),
        "maxOutputTokens": sample.max_tokens,
    }
    members = [f"  {name}: {literals.javascript(value, 1)}," for name, value in given.items() if value is not None]
    return "\n".join(
        [
            f'import {{ {creator} }} from "@ai-sdk/{sample.provider}";',
            f'import {{ {function} }} from "ai";',
            "",
            f"const {sample.provider} = {creator}({{",
            f"  baseURL: {literals.javascript(sample.base_url)},",
            f"  apiKey: {own},",
            "  headers: {",
            *headers,
            "  },",
            "});",
            "",
            f"const {result} = {'' if sample.stream else 'await '}{function}({{",
            f"  model: {model},",
            *members,
            "});",
            use,
        ]
    )


def _vercel_result(sample: Sample) -> tuple[str, str, str]:
    if not sample.stream:
        return "generateText", "{ text }", "console.log(text);"
    use = "for await (const text of textStream) process.stdout.write(text);\nconsole.log();"
    return "streamText", "{ textStream }", use


def _header(value: str) -> str:
    """A header's characters are its bytes, so what is not ASCII is given as the bytes of its UTF-8."""
    written = literals.javascript(value)
    return written if value.isascii() else f'Buffer.from({written}).toString("latin1")'


def _members(sample: Sample) -> str:
    """The SDKs send members that they do not know. Spread, the member passes TypeScript's check of known ones too."""
    members = dict(sample.parameters)
    if sample.stream and sample.provider == "openai":
        members["stream"] = True
    written = literals.javascript(members)
    if not sample.metadata:
        return written
    return f"{written[:-2]}\n  ...{literals.javascript({'_aipromptcost': sample.metadata}, 1)},\n}}"


def _keys(sample: Sample, prefix: str = "", *, is_typed: bool = False) -> tuple[str, str]:
    """The platform's and the provider's key, as expressions; the first after the prefix.

    A variable may be absent. Where a header's type does not allow for that, absent means empty.
    """
    if not sample.reads_environment:
        return literals.javascript(prefix + sample.platform_key), literals.javascript(sample.provider_key)
    own = f"process.env.{KEY_VARIABLE}"
    provider = f"process.env.{sample.provider_variable}"
    return f"`{prefix}${{{own}}}`" if prefix else own, f'{provider} ?? ""' if is_typed else provider
