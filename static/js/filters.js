// Pages with a filter bar (templates/analytics/_filters.html): every change is applied at once, a search while one types, and what went
// wrong is said with a way to try again. <tr data-opens> opens its link wherever it is pressed.

const TYPED_MS = 250;
const DATES_MS = 600; // both of them, and whole years
let timer = 0;

const later = (form, ms) => {
  clearTimeout(timer);
  timer = setTimeout(() => form.isConnected && form.checkValidity() && form.requestSubmit(), ms);
};

document.addEventListener("change", (event) => {
  const { form, name, type } = event.target;
  if (!name || !form?.matches("form[data-apply]")) return;
  if (type !== "date") form.requestSubmit();
  else if (form.elements.start.value && form.elements.end.value) later(form, DATES_MS);
});

document.addEventListener("input", (event) => {
  if (event.target.matches("form[data-search] input[type=search]")) later(event.target.form, TYPED_MS);
});

document.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-opens]");
  if (!row || event.target.closest("a, button, input, summary") || getSelection().toString()) return;
  row.querySelector("a[data-opens]")?.click();
});

// "/" where there is no search to go to (page.js): the filters.
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable], dialog");
  const more = document.getElementById("filter-more");
  if (event.key !== "/" || !more || isTyping || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  more.open = true;
  more.querySelector("input:not([hidden]), select:not([hidden])")?.focus();
});

// --- The answers ---

const problemOf = (page) => document.getElementById(`${page.id}-problem`);
let failed = "";

function say(page, words, path) {
  const problem = problemOf(page);
  if (!problem) return;
  failed = path;
  problem.hidden = !words;
  if (words) problem.querySelector("[data-words]").textContent = words;
}

const ofPage = (event) => (event.detail.target?.matches?.("[data-filtered]") ? event.detail.target : null);

document.addEventListener("htmx:beforeRequest", (event) => {
  if (ofPage(event)) event.detail.target.setAttribute("aria-busy", "true");
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (ofPage(event)) event.detail.target.removeAttribute("aria-busy");
});

// Whoever was signed out meanwhile is led to the sign-in, and back here from there.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!ofPage(event) || new URL(event.detail.xhr.responseURL).pathname === location.pathname) return;
  event.detail.shouldSwap = false;
  location.reload();
});

document.addEventListener("htmx:afterSwap", (event) => {
  const page = ofPage(event);
  if (!page) return;
  say(page, "");
  page.querySelector("form[data-apply]")?.reset(); // what is chosen is what the answer says
  if (document.activeElement === document.body) document.querySelector("#filter-more > summary")?.focus({ preventScroll: true });
  const said = document.getElementById(`${page.id}-said`);
  if (said) said.textContent = page.dataset.said ?? "";
});

const WORDS = {
  "htmx:sendError": "The server cannot be reached. What is below is what was there before.",
  "htmx:timeout": "The answer takes too long. What is below is what was there before.",
  "htmx:responseError": "The server could not work it out. What is below is what was there before.",
};
for (const [name, words] of Object.entries(WORDS)) {
  document.addEventListener(name, (event) => {
    if (ofPage(event)) say(event.detail.target, words, event.detail.pathInfo.finalRequestPath);
  });
}

document.addEventListener("click", (event) => {
  const page = event.target.matches("[data-retry]") && document.querySelector("[data-filtered]");
  if (page) htmx.ajax("GET", failed, { source: page, target: page, swap: "morph", push: failed });
});
