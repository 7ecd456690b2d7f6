// The prompt builder and the code import. <button data-download="#id" data-filename="x.py"> saves the text of the element it names;
// without script the same button asks the server for the file. <textarea data-most="200000"> says at once when a text is too long.

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-download]");
  const source = button && document.querySelector(button.dataset.download);
  if (!source) return;
  event.preventDefault();
  const href = URL.createObjectURL(new Blob([`${source.textContent}${"asIs" in button.dataset ? "" : "\n"}`], { type: "text/plain" }));
  const link = Object.assign(document.createElement("a"), { href, download: button.dataset.filename });
  link.click();
  setTimeout(() => URL.revokeObjectURL(href));
});

// What was typed or chosen before the scripts ran is answered too.
const isTouched = (field) => field.checked !== field.defaultChecked || ("defaultValue" in field && field.value !== field.defaultValue);

document.addEventListener("htmx:load", () => {
  const builder = document.querySelector("form#builder");
  if (builder && [...builder.elements].some(isTouched)) builder.dispatchEvent(new Event("input"));
}, { once: true });

document.addEventListener("input", ({ target }) => {
  const most = Number(target.dataset?.most ?? 0);
  if (!most) return;
  const length = target.value.length;
  target.setCustomValidity(length > most ? `This is ${length.toLocaleString("en-US")} characters long, and at most ${most.toLocaleString("en-US")} fit.` : "");
  if (length > most) target.reportValidity();
});

// Whoever reads by ear or by keyboard goes on where the answer begins.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt.id === "import") event.detail.elt.querySelector("#import-result")?.focus({ preventScroll: true });
});

// --- Answers that are not the part that was asked for ---

const PARTS = ["builder", "import"];
const WORDS = "The server could not work it out. What you see is older than what you typed.";
const say = (text) => document.dispatchEvent(new CustomEvent("toast", { detail: { text } }));

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!PARTS.includes(detail.target.id)) return;
  const isElsewhere = detail.xhr.status === 403 || new URL(detail.xhr.responseURL).pathname !== detail.pathInfo.requestPath.split("?")[0];
  if (isElsewhere) location.reload(); // signed out meanwhile: that leads to the sign-in, and back here from there
  if (isElsewhere || detail.xhr.status >= 400) detail.shouldSwap = false;
});

for (const [name, text] of Object.entries({ "htmx:responseError": WORDS, "htmx:sendError": "The server cannot be reached. What you see is older than what you typed." })) {
  document.addEventListener(name, (event) => PARTS.includes(event.detail.target?.id) && event.detail.xhr.status !== 403 && say(text));
}
