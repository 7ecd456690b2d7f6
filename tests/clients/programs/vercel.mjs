// The Vercel AI SDK with both of its providers. It cannot add to the body: the metadata goes into headers.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import {
  embedMany, experimental_generateSpeech, experimental_transcribe, generateImage, generateObject, generateText,
  streamText,
} from "ai";
import { z } from "zod";

const options = (provider, name) => ({ apiKey: KEY, baseURL: baseURL(provider), headers: headers(provider, name) });
const gpt = (name) => createOpenAI(options("openai", name));
const claude = (name) => createAnthropic({ ...options("anthropic", name), authToken: undefined });
const ask = { prompt: "Hello!", maxRetries: 0 };
const schema = z.object({ city: z.string() });

SCENARIOS["openai-chat"] = async (name) => {
  const { text, usage } = await generateText({ ...ask, model: gpt(name).chat("gpt-4o") });
  assert(text.startsWith("The answer"));
  assert.equal(usage.outputTokens, 25);
};
SCENARIOS["openai-chat-stream"] = async (name) => {
  const result = streamText({ ...ask, model: gpt(name).chat("gpt-4o") });
  assert((await all(result.textStream)).length > 20);
  assert.equal((await result.usage).inputTokens, 9);
};
SCENARIOS["openai-responses"] = async (name) => {
  const { usage } = await generateText({ ...ask, model: gpt(name)("gpt-4.1") });
  assert.equal(usage.outputTokens, 25);
  const result = streamText({ ...ask, model: gpt(name)("gpt-4.1") });
  assert((await all(result.textStream)).join("").startsWith("The answer"));
};
SCENARIOS["openai-object"] = async (name) => {
  const told = fake(JSON.stringify({ text: '{"city": "Bern"}' }));
  const { object } = await generateObject({ ...ask, ...told, model: gpt(name).chat("gpt-4o"), schema });
  assert.deepEqual(object, { city: "Bern" });
};
SCENARIOS["openai-embeddings"] = async (name) => {
  const model = gpt(name).embedding("text-embedding-3-small");
  const { embeddings } = await embedMany({ model, values: ["one", "two"], maxRetries: 0 });
  assert.equal(embeddings.length, 2);
};
SCENARIOS["openai-media"] = async (name) => {
  const own = gpt(name);
  await generateImage({ model: own.image("gpt-image-1"), prompt: "A cat", maxRetries: 0 });
  const { audio } = await experimental_generateSpeech({ model: own.speech("tts-1"), text: "Hello!", maxRetries: 0 });
  const said = await experimental_transcribe({ model: own.transcription("whisper-1"), audio: audio.uint8Array, maxRetries: 0 });
  assert(said.text.startsWith("The answer"));
};
SCENARIOS["anthropic"] = async (name) => {
  const { text, usage } = await generateText({ ...ask, model: claude(name)("claude-haiku-4-5"), maxOutputTokens: 64 });
  assert(text.startsWith("The answer"));
  assert.equal(usage.outputTokens, 25);
};
SCENARIOS["anthropic-stream"] = async (name) => {
  const model = claude(name)("claude-haiku-4-5");
  const result = streamText({ ...ask, ...fake("cached"), model, maxOutputTokens: 64 });
  assert((await all(result.textStream)).length > 20);
  assert.equal((await result.usage).cachedInputTokens, 1024);
};

await run(process.argv.slice(1));
