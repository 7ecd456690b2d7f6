"""Programs that call a provider directly, as people write them. Each makes one call and prints what it got."""

PYTHON = {
    "openai": """
from openai import OpenAI

client = OpenAI()
answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello!"}])
print(answer.choices[0].message.content)
""",
    "openai-stream": """
import asyncio
from openai import AsyncOpenAI

MODEL = "gpt-4o-mini"

async def main():
    async with AsyncOpenAI(timeout=20) as client:
        stream = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Hello!"}],
            stream=True,
        )
        async for chunk in stream:
            print(chunk.choices[0].delta.content or "", end="")

asyncio.run(main())
""",
    "openai-whole-arguments": """
import os
from openai import OpenAI

class Asker:
    def __init__(self):
        self.client = OpenAI(api_key=os.environ.get("OPENAI_API_KEY"), default_headers={"X-Team": "search"})

    def ask(self, **options):
        return self.client.chat.completions.create(model="gpt-4o-mini", **options)

answer = Asker().ask(messages=[{"role": "user", "content": "Hello!"}], extra_body={"store": False})
print(answer.choices[0].message.content)
""",
    "openai-module": """
import openai

openai.api_key = "sk-0123456789abcdef0123"
print(openai.embeddings.create(model="text-embedding-3-small", input="Hello!").usage)
""",
    "anthropic": """
import anthropic

client = anthropic.Anthropic(api_key="sk-ant-0123456789abcdef")
message = client.messages.create(
    model="claude-haiku-4-5", max_tokens=100,
    messages=[{"role": "user", "content": "Hello!"}])
print(message.content[0].text)
""",
    "anthropic-stream": """
from anthropic import Anthropic

with Anthropic().messages.stream(
    model="claude-haiku-4-5",
    max_tokens=100,
    messages=[{"role": "user", "content": "Hello!"}],
    extra_body={"metadata": {"user_id": "me"}},
) as stream:
    print("".join(stream.text_stream))
""",
    "requests": """
import os
import requests

API_KEY = os.environ["OPENAI_API_KEY"]
URL = "https://api.openai.com/v1/chat/completions"
headers = {"Authorization": f"Bearer {API_KEY}"}
payload = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]}
response = requests.post(URL, headers=headers, json=payload, timeout=20)
response.raise_for_status()
print(response.json()["choices"][0]["message"]["content"])
""",
    "httpx": """
import os
import httpx

with httpx.Client(
    base_url="https://api.anthropic.com/v1",
    headers={"x-api-key": os.environ["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01"},
) as client:
    answer = client.post("/messages", json={
        "model": "claude-haiku-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hello!"}],
    })
    print(answer.raise_for_status().json()["content"][0]["text"])
""",
    "httpx-async-text": """
import asyncio, json, os
import httpx

body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]})

async def main():
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            "https://api.openai.com/v1/chat/completions",
            headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"},
            content=body,
        )
        print(answer.raise_for_status().json()["choices"][0]["message"]["content"])

asyncio.run(main())
""",
}

CURL = {
    "curl": """
curl -fsS https://api.openai.com/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -d '{
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "Hello!"}]
  }'
""",
    "curl-anthropic": """
BASE=https://api.anthropic.com/v1
curl -fsS "$BASE/messages" -H 'x-api-key: sk-ant-0123456789abcdef' -H "anthropic-version: 2023-06-01" \\
  -H "content-type: application/json" \\
  --data "{\\"model\\": \\"claude-haiku-4-5\\", \\"max_tokens\\": 9,
           \\"messages\\": [{\\"role\\": \\"user\\", \\"content\\": \\"Hello\\"}]}"
""",
    "curl-file": """
echo '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]}' |
curl -fsS https://api.openai.com/v1/chat/completions -H "Content-Type: application/json" \\
  -H"Authorization: Bearer $OPENAI_API_KEY" -d @-
""",
}

JAVASCRIPT = {
    "openai": """
import OpenAI from "openai";

const client = new OpenAI();
const answer = await client.chat.completions.create({
  model: "gpt-4o-mini",
  messages: [{ role: "user", content: "Hello!" }],
});
console.log(answer.choices[0].message.content);
""",
    "openai-required": """
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const { OpenAI } = require("openai");

const openai = new OpenAI({ apiKey: process.env.OPENAI_API_KEY, maxRetries: 0 });
const params = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello!" }] };
console.log((await openai.chat.completions.create(params)).choices[0].message.content);
""",
    "anthropic-stream": """
import Anthropic from '@anthropic-ai/sdk'

const anthropic = new Anthropic({ apiKey: 'sk-ant-0123456789abcdef' })
const stream = anthropic.messages.stream({
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello!' }]
})
console.log((await stream.finalMessage()).content[0].text)
""",
    "fetch": """
const headers = { Authorization: `Bearer ${process.env.OPENAI_API_KEY}`, "Content-Type": "application/json" };
const body = JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello!" }] });
const response = await fetch("https://api.openai.com/v1/chat/completions", { method: "POST", headers, body });
if (!response.ok) throw new Error(await response.text());
console.log((await response.json()).choices[0].message.content);
""",
    "vercel-ai-sdk": """
import { anthropic } from "@ai-sdk/anthropic";
import { generateText } from "ai";

const { text } = await generateText({ model: anthropic("claude-haiku-4-5"), prompt: "Hello!", maxRetries: 0 });
console.log(text);
""",
}

TYPESCRIPT = {
    "typescript": """
import OpenAI from "openai";

const client: OpenAI = new OpenAI({ apiKey: process.env.OPENAI_API_KEY! });

async function ask(content: string): Promise<string | null> {
  const params: OpenAI.ChatCompletionCreateParamsNonStreaming = {
    model: "gpt-4o-mini",
    messages: [{ role: "user", content }],
  };
  await client.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content }] });
  const answer = await client.chat.completions.create(params);
  return answer.choices[0].message.content;
}

console.log(await ask("Hello!"));
""",
    "typescript-fetch": """
async function embed(input: string): Promise<number> {
  const response = await fetch("https://api.openai.com/v1/embeddings", {
    method: "POST",
    headers: {
      Authorization: `Bearer ${process.env.OPENAI_API_KEY}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({ model: "text-embedding-3-small", input }),
  });
  const data = (await response.json()) as { usage: { total_tokens: number } };
  return data.usage.total_tokens;
}

console.log(await embed("Hello!"));
""",
    "typescript-vercel": """
import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";

const openai = createOpenAI({ apiKey: process.env.OPENAI_API_KEY });

export async function answer(): Promise<string> {
  const { text } = await generateText({ model: openai.chat("gpt-4o-mini"), prompt: "Hello!", maxRetries: 0 });
  return text;
}

console.log(await answer());
""",
}
