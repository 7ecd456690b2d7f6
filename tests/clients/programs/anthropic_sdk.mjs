// What programs do with Anthropic's SDK for Node, written so that it runs with a current and with an old release.
import Anthropic, { toFile } from "@anthropic-ai/sdk";

const ASK = { model: "claude-haiku-4-5", max_tokens: 64, messages: HELLO };
const WEATHER = { name: "get_weather", description: "The weather", input_schema: { type: "object", properties: {} } };
const client = (name, changes = {}) =>
  new Anthropic({
    baseURL: baseURL("anthropic"), apiKey: KEY, defaultHeaders: headers("anthropic", name), maxRetries: 0, ...changes,
  });

SCENARIOS["messages"] = async (name) => {
  const bare = client(undefined, { defaultHeaders: { "X-Provider-Key": PROVIDER_KEYS.anthropic } });
  const answer = await bare.messages.create({ ...ASK, ...metadata(name) });
  assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [9, 25]);
};
SCENARIOS["messages-stream"] = async (name) => {
  const events = await all(await client(name).messages.create({ ...ASK, stream: true }));
  assert.deepEqual([events[0].type, events.at(-1).type], ["message_start", "message_stop"]);
};
SCENARIOS["messages-stream-helper"] = async (name) => {
  const told = fake("two-tools, thinking=Hm, cache_write_1h_tokens=300, web_searches=1");
  const final = await client(name).messages.stream({ ...ASK, tools: [WEATHER] }, told).finalMessage();
  assert.deepEqual(final.content.at(-1).input, { city: "Zürich", days: 3 });
};
SCENARIOS["beta"] = async (name) => {
  const { messages } = client(name).beta;
  const answer = await messages.create({ ...ASK, betas: ["context-1m-2025-08-07"] }, fake("cached"));
  assert.equal(answer.usage.cache_read_input_tokens, 1024);
};
SCENARIOS["count-tokens"] = async (name) => {
  const ask = { model: "claude-haiku-4-5", messages: HELLO };
  assert.equal((await client(name).messages.countTokens(ask)).input_tokens, 9);
};
SCENARIOS["models"] = async (name) => {
  const { id } = await client(name).models.retrieve("claude-haiku-4-5");
  assert((await all(client(name).models.list())).some((model) => model.id === id));
};
SCENARIOS["batch"] = async (name) => {
  const { batches } = client(name).messages;
  const models = ["claude-haiku-4-5", "claude-sonnet-4-5@cached", "claude-haiku-4-5@overloaded"];
  const requests = models.map((model, n) => ({ custom_id: `n${n}`, params: { ...ASK, model } }));
  let made = await batches.create({ requests });
  for (let polls = 0; polls < 5 && made.processing_status !== "ended"; polls++) made = await batches.retrieve(made.id);
  assert(made.results_url.startsWith(baseURL("anthropic")), made.results_url);
  const kinds = (await all(await batches.results(made.id))).map((one) => one.result.type);
  assert.deepEqual(kinds, ["succeeded", "succeeded", "errored"]);
  assert((await all(batches.list({ limit: 100 }))).some((one) => one.id === made.id));
  await batches.delete(made.id);
};
SCENARIOS["batch-cancelled"] = async (name) => {
  const { batches } = client(name).messages;
  const made = await batches.create({ requests: [0, 1, 2].map((n) => ({ custom_id: `n${n}`, params: ASK })) });
  await batches.cancel(made.id);
  for (let polls = 0; polls < 2; polls++) await batches.retrieve(made.id);
  const kinds = (await all(await batches.results(made.id))).map((one) => one.result.type);
  assert.deepEqual(kinds, ["succeeded", "canceled", "canceled"]);
};
SCENARIOS["files"] = async (name) => {
  const files = client(name).files ?? client(name).beta.files;
  const made = await files.upload({ file: await toFile(EVERY_BYTE, "every byte.bin", { type: "application/x-thing" }) });
  assert((await all(files.list({ limit: 100 }))).some((file) => file.id === made.id));
  assert(Buffer.from(await (await files.download(made.id)).arrayBuffer()).equals(EVERY_BYTE));
  await files.delete(made.id);
};
SCENARIOS["complete"] = async (name) => {
  const ask = { model: "claude-2.1", prompt: "\n\nHuman: Hi\n\nAssistant:", max_tokens_to_sample: 9 };
  const own = client(name);
  const create = own.completions ? (body) => own.completions.create(body) : (body) => own.post("/v1/complete", { body });
  assert((await create(ask)).completion.startsWith("The answer"));
  const streamed = await own.post("/v1/complete", { body: { ...ask, stream: true }, stream: true });
  assert.equal((await all(streamed)).at(-1).stop_reason, "stop_sequence");
};
SCENARIOS["async"] = async (name) => {
  const claude = client(name);
  const [whole, stream, final] = await Promise.all([
    claude.messages.create(ASK), claude.messages.create({ ...ASK, stream: true }), claude.messages.stream(ASK).finalMessage(),
  ]);
  const kinds = (await all(stream)).map((event) => event.type);
  assert.deepEqual([whole.usage.output_tokens, kinds.at(-1), final.usage.output_tokens], [25, "message_stop", 25]);
};
SCENARIOS["retried"] = async (name) => {
  const told = fake('{"status": 529, "headers": [["retry-after-ms", "1"]]}');
  const own = client(name, { maxRetries: 2 });
  assert.equal((await refused(() => own.messages.create(ASK, told))).status, 529);
};
SCENARIOS["not-retried"] = async (name) => {
  const told = fake('{"status": 500, "headers": [["x-should-retry", "false"]]}');
  const own = client(name, { maxRetries: 2 });
  assert.equal((await refused(() => own.messages.create(ASK, told))).status, 500);
};
SCENARIOS["refused-provider-key"] = async (name) => {
  const wrong = { ...headers("anthropic", name), "X-Provider-Key": "sk-ant-invalid" };
  const own = client(name, { maxRetries: 2, defaultHeaders: wrong });
  assert.equal((await refused(() => own.messages.create(ASK))).status, 502);
};
SCENARIOS["refused-platform-key"] = async (name) => {
  const own = client(name, { maxRetries: 2, apiKey: "apc_wrong" });
  assert.equal((await refused(() => own.messages.create(ASK))).status, 401);
};
SCENARIOS["environment"] = async (name) => {
  const lines = Object.entries(headers("anthropic", name)).map(([key, value]) => `${key}: ${value}`);
  Object.assign(process.env, {
    ANTHROPIC_BASE_URL: baseURL("anthropic"), ANTHROPIC_API_KEY: KEY, ANTHROPIC_CUSTOM_HEADERS: lines.join("\n"),
  });
  assert.equal((await new Anthropic().messages.create(ASK)).usage.output_tokens, 25);
};

await run(process.argv.slice(1));
