// Runs the scenarios named on the command line, one after the other, and tells of each in a line of JSON.
// The text of a program is put after this one, and both are given to Node in a folder with its packages.
import assert from "node:assert/strict";

const { MATRIX_URL: URL_, MATRIX_KEY: KEY, MATRIX_TAGS: TAGS_ } = process.env;
const TAGS = TAGS_.split(",");
const PROVIDER_KEYS = { openai: "sk-openai-of-the-matrix", anthropic: "sk-ant-of-the-matrix" };
const HELLO = [{ role: "user", content: "Hello!" }];
// Every value of a byte: what breaks if anything takes it for text or for a form.
const EVERY_BYTE = Buffer.concat([...Array(300).fill(Buffer.from([...Array(256).keys()])), Buffer.from("\r\n--x\r\n")]);
const SCENARIOS = {};

const baseURL = (provider) => `${URL_}/api/proxy/v1/${provider}`;
const headers = (provider, name) => ({
  "X-Provider-Key": PROVIDER_KEYS[provider],
  "x-aipc-prompt-key": name,
  "x-aipc-tags": TAGS.join(", "),
});
const metadata = (name) => ({ _aipromptcost: { prompt_key: name, feature_tags: TAGS, version: 3 } });
const fake = (text) => ({ headers: { "x-fake-scenario": text } });

async function all(stream) {
  const found = [];
  for await (const one of stream) found.push(one);
  return found;
}

async function refused(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("no error");
}

async function run(names) {
  for (const name of names) {
    const started = performance.now();
    let error = "";
    try {
      await SCENARIOS[name](name);
    } catch (raised) {
      error = String(raised?.stack ?? raised);
    }
    console.log(JSON.stringify({ scenario: name, error, seconds: (performance.now() - started) / 1000 }));
  }
}

// ---------------------------------------------------------------------------------------------------------------------
