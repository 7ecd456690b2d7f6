// What programs do with OpenAI's SDK for Node, written so that it runs with a current and with an old major.
import OpenAI, { toFile } from "openai";

const CHAT = { model: "gpt-4o", messages: HELLO };
const JSON_TEXT = JSON.stringify({ text: '{"city": "Zürich"}' }).replace("ü", "\\u00fc");
const client = (name, changes = {}) =>
  new OpenAI({
    baseURL: baseURL("openai"), apiKey: KEY, defaultHeaders: headers("openai", name), maxRetries: 0, ...changes,
  });
const recording = () => toFile(Buffer.alloc(40_000, 1), "talk.mp3");

SCENARIOS["chat"] = async (name) => {
  const bare = client(undefined, { defaultHeaders: { "X-Provider-Key": PROVIDER_KEYS.openai } });
  const answer = await bare.chat.completions.create({ ...CHAT, ...metadata(name) });
  assert.equal(answer.usage.total_tokens, 34);
};
SCENARIOS["chat-stream"] = async (name) => {
  const chunks = await all(await client(name).chat.completions.create({ ...CHAT, stream: true }));
  assert(chunks.every((chunk) => chunk.choices.length === 1 && !chunk.usage));
};
SCENARIOS["chat-stream-usage"] = async (name) => {
  const asked = { ...CHAT, stream: true, stream_options: { include_usage: true } };
  const chunks = await all(await client(name).chat.completions.create(asked));
  assert.equal(chunks.at(-1).usage.total_tokens, 34);
};
SCENARIOS["chat-stream-helper"] = async (name) => {
  const completions = client(name).chat.completions.stream ? client(name).chat.completions : client(name).beta.chat.completions;
  const final = await completions.stream(CHAT, fake("two-tools")).finalChatCompletion();
  assert.deepEqual(final.choices[0].message.tool_calls.map((call) => call.function.name), ["file_report", "get_weather"]);
};
SCENARIOS["chat-parse"] = async (name) => {
  const completions = client(name).chat.completions.parse ? client(name).chat.completions : client(name).beta.chat.completions;
  const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
  const response_format = { type: "json_schema", json_schema: { name: "place", strict: true, schema } };
  const answer = await completions.parse({ ...CHAT, response_format }, fake(JSON_TEXT));
  assert.equal(JSON.parse(answer.choices[0].message.content).city, "Zürich");
};
SCENARIOS["completions"] = async (name) => {
  const ask = { model: "gpt-3.5-turbo-instruct", prompt: ["Say this", "and that"], max_tokens: 5 };
  assert.equal((await client(name).completions.create(ask)).usage.completion_tokens, 10);
  const chunks = await all(await client(name).completions.create({ ...ask, stream: true }));
  assert(chunks.every((chunk) => chunk.choices.length === 1));
};
SCENARIOS["embeddings"] = async (name) => {
  const ask = { model: "text-embedding-3-large", input: Array(40).fill("one text") };
  const packed = await client(name).embeddings.create(ask);
  const plain = await client(name).embeddings.create({ ...ask, encoding_format: "float" });
  assert.deepEqual(Array.from(packed.data[39].embedding), plain.data[39].embedding);
};
SCENARIOS["models"] = async (name) => {
  assert((await all(client(name).models.list())).some((model) => model.id === "gpt-4o"));
  assert.equal((await client(name).models.retrieve("gpt-4o")).owned_by, "system");
};
SCENARIOS["moderations"] = async (name) => {
  assert.equal((await client(name).moderations.create({ input: "Hello!" })).results[0].flagged, false);
};
SCENARIOS["responses"] = async (name) => {
  const { responses } = client(name);
  const answer = await responses.create({ model: "gpt-4.1", input: "Hello!" }, fake("thinking, web_searches=2"));
  assert(answer.output_text.startsWith("The answer"));
  assert.equal((await responses.retrieve(answer.id)).id, answer.id);
  assert.equal((await all(responses.inputItems.list(answer.id))).length, 1);
  await (responses.del ?? responses.delete).call(responses, answer.id);
};
SCENARIOS["responses-stream"] = async (name) => {
  const { responses } = client(name);
  const ask = { model: "gpt-4.1", input: "Hello!" };
  const final = await responses.stream(ask, fake("cached")).finalResponse();
  assert.equal(final.usage.input_tokens_details.cached_tokens, 1024);
};
SCENARIOS["responses-parse"] = async (name) => {
  const ask = { model: "gpt-4.1", input: "Where?" };
  assert.equal(JSON.parse((await client(name).responses.parse(ask, fake(JSON_TEXT))).output_text).city, "Zürich");
};
SCENARIOS["background"] = async (name) => {
  const { responses } = client(name);
  let answer = await responses.create({ model: "gpt-4.1", input: "Hello!", background: true });
  for (let polls = 0; polls < 5 && ["queued", "in_progress"].includes(answer.status); polls++) {
    answer = await responses.retrieve(answer.id);
  }
  assert.deepEqual([answer.status, answer.usage.input_tokens], ["completed", 9]);
};
SCENARIOS["background-stream"] = async (name) => {
  const { responses } = client(name);
  const stream = await responses.create({ model: "gpt-4.1", input: "Hello!", background: true, stream: true });
  const id = (await all(stream))[0].response.id;
  const rest = await responses.retrieve(id, { stream: true, starting_after: 5 }, {
    query: { stream: true, starting_after: 5 }, stream: true,
  });
  assert.equal((await all(rest)).at(-1).type, "response.completed");
};
SCENARIOS["background-cancelled"] = async (name) => {
  const { responses } = client(name);
  const answer = await responses.create({ model: "gpt-4.1", input: "Hello!", background: true });
  assert.equal((await responses.cancel(answer.id)).status, "cancelled");
};
SCENARIOS["files"] = async (name) => {
  const { files } = client(name);
  const made = await files.create({ file: await toFile(EVERY_BYTE, "every byte.bin"), purpose: "user_data" });
  assert((await all(files.list({ limit: 100 }))).some((file) => file.id === made.id));
  assert.equal((await files.retrieve(made.id)).bytes, EVERY_BYTE.length);
  assert(Buffer.from(await (await files.content(made.id)).arrayBuffer()).equals(EVERY_BYTE));
  assert((await (files.del ?? files.delete).call(files, made.id)).deleted);
};
SCENARIOS["upload"] = async (name) => {
  const { uploads } = client(name);
  const given = { bytes: EVERY_BYTE.length, filename: "a.bin", mime_type: "text/plain", purpose: "user_data" };
  const upload = await uploads.create(given);
  const part_ids = [];
  for (const part of [EVERY_BYTE.subarray(0, 40_000), EVERY_BYTE.subarray(40_000)]) {
    part_ids.push((await uploads.parts.create(upload.id, { data: await toFile(part, "part") })).id);
  }
  assert.equal((await uploads.complete(upload.id, { part_ids })).file.bytes, EVERY_BYTE.length);
};
SCENARIOS["batch"] = async (name) => {
  const { batches, files } = client(name);
  const lines = ["gpt-4o", "gpt-4o-mini@cached", "no-such-model"].map((model, n) =>
    JSON.stringify({ custom_id: `n${n}`, method: "POST", url: "/v1/chat/completions", body: { ...CHAT, model } }));
  const file = await files.create({ file: await toFile(Buffer.from(lines.join("\n")), "batch.jsonl"), purpose: "batch" });
  const ask = { input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" };
  let made = await batches.create(ask);
  for (let polls = 0; polls < 5 && made.status !== "completed"; polls++) made = await batches.retrieve(made.id);
  assert.equal((await (await files.content(made.output_file_id)).text()).trim().split("\n").length, 2);
  assert((await all(batches.list({ limit: 100 }))).some((one) => one.id === made.id));
};
SCENARIOS["speech"] = async (name) => {
  const ask = { model: "tts-1", voice: "alloy", input: "Grüezi mitenand" };
  const whole = Buffer.from(await (await client(name).audio.speech.create(ask)).arrayBuffer());
  const parts = await all((await client(name).audio.speech.create(ask)).body);
  assert(Buffer.concat(parts).equals(whole));
};
SCENARIOS["transcriptions"] = async (name) => {
  const { transcriptions, translations } = client(name).audio;
  for (const [model, response_format] of [["whisper-1", "verbose_json"], ["whisper-1", "json"], ["gpt-4o-transcribe", "json"]]) {
    const said = await transcriptions.create({ model, file: await recording(), response_format, prompt: "A talk" });
    assert(said.text.startsWith("The answer"));
  }
  const ask = { model: "gpt-4o-mini-transcribe", file: await recording(), stream: true };
  assert.equal((await all(await transcriptions.create(ask))).at(-1).type, "transcript.text.done");
  const told = { model: "whisper-1", file: await recording(), response_format: "verbose_json" };
  assert.equal((await translations.create(told)).duration, 3);
};
SCENARIOS["images"] = async (name) => {
  const { images } = client(name);
  const made = await images.generate({ model: "gpt-image-1", prompt: "A cat", quality: "low", n: 2 });
  assert(made.data[1].b64_json.length > 50);
  const image = [await toFile(EVERY_BYTE, "a.png", { type: "image/png" }), await toFile(Buffer.from("2"), "b.png")];
  const edited = await images.edit({ model: "gpt-image-1", prompt: "A hat", image });
  assert.equal(edited.usage.input_tokens_details.image_tokens, 646);
};
SCENARIOS["images-stream"] = async (name) => {
  const ask = { model: "gpt-image-1", prompt: "A cat", stream: true, partial_images: 1 };
  const events = await all(await client(name).images.generate(ask));
  assert.equal(events.at(-1).type, "image_generation.completed");
};
SCENARIOS["async"] = async (name) => {
  const gpt = client(name);
  const [whole, stream, answer] = await Promise.all([
    gpt.chat.completions.create(CHAT),
    gpt.chat.completions.create({ ...CHAT, stream: true }),
    gpt.responses.create({ model: "gpt-4.1", input: "Hello!" }),
  ]);
  const finishes = (await all(stream)).map((chunk) => chunk.choices[0].finish_reason);
  assert.deepEqual([whole.usage.total_tokens, finishes.at(-1), answer.usage.input_tokens], [34, "stop", 9]);
};
SCENARIOS["retried"] = async (name) => {
  const told = fake('{"status": 429, "headers": [["retry-after-ms", "1"]]}');
  const own = client(name, { maxRetries: 2 });
  assert.equal((await refused(() => own.chat.completions.create(CHAT, told))).status, 429);
};
SCENARIOS["not-retried"] = async (name) => {
  const told = fake('{"status": 500, "headers": [["x-should-retry", "false"]]}');
  const own = client(name, { maxRetries: 2 });
  assert.equal((await refused(() => own.chat.completions.create(CHAT, told))).status, 500);
};
SCENARIOS["refused-provider-key"] = async (name) => {
  const wrong = { ...headers("openai", name), "X-Provider-Key": "sk-invalid" };
  const own = client(name, { maxRetries: 2, defaultHeaders: wrong });
  const error = await refused(() => own.chat.completions.create(CHAT));
  assert.deepEqual([error.status, error.code], [502, "invalid_api_key"]);
};
SCENARIOS["refused-platform-key"] = async (name) => {
  const own = client(name, { maxRetries: 2, apiKey: "apc_wrong" });
  assert.equal((await refused(() => own.chat.completions.create(CHAT))).code, "platform_key_invalid");
};
SCENARIOS["environment"] = async (name) => {
  const lines = Object.entries(headers("openai", name)).map(([key, value]) => `${key}: ${value}`);
  const given = { OPENAI_BASE_URL: baseURL("openai"), OPENAI_API_KEY: KEY, OPENAI_CUSTOM_HEADERS: lines.join("\n") };
  Object.assign(process.env, given);
  assert.equal((await new OpenAI().chat.completions.create(CHAT)).usage.total_tokens, 34);
};

await run(process.argv.slice(1));
