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

// Addresses are to be read and passed on: without what is not chosen.
document.addEventListener("htmx:configRequest", (event) => {
  const { elt, formData } = event.detail;
  if (!elt.matches("form[data-apply], form[data-search]")) return;
  if (formData.get("start") || formData.get("end")) formData.delete("range");
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
});

// Going back leads to something else.
document.addEventListener("htmx:beforeHistoryUpdate", (event) => {
  const { history } = event.detail;
  if (history.path === location.pathname + location.search) history.type = "replace";
});

// --- The answers ---

const ofPage = (event) => (event.detail.target?.querySelector?.("form[data-apply]") ? event.detail.target : null);

// What is shown is older than what was asked for: said above it, until an answer comes.
function complain(page, words, path) {
  const banner = Object.assign(document.createElement("div"), { className: "banner banner-harm", id: `${page.id}-problem` });
  const text = Object.assign(document.createElement("p"), { textContent: words });
  const button = Object.assign(document.createElement("button"), { className: "button button-quiet button-small", type: "button", textContent: "Try again" });
  button.addEventListener("click", () => htmx.ajax("GET", path, { source: page, target: page, swap: "morph", push: path }));
  banner.setAttribute("role", "alert");
  banner.append(text, button);
  withdraw(page);
  page.before(banner);
}

const withdraw = (page) => document.getElementById(`${page.id}-problem`)?.remove();

// What is chosen is what the answer says.
function settle(form) {
  for (const field of form.elements) {
    if (field.type === "select-one") field.value = ([...field.options].find((option) => option.defaultSelected) ?? field.options[0]).value;
    else if (field.type === "date" && field !== document.activeElement) field.value = field.defaultValue;
    field.dispatchEvent(new Event("settled"));
  }
}

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
  withdraw(page);
  settle(page.querySelector("form[data-apply]"));
  if (document.activeElement === document.body) document.querySelector("#filter-more > summary")?.focus({ preventScroll: true });
  const said = document.getElementById(`${page.id}-said`);
  if (said) said.textContent = page.dataset.said ?? "";
});

const BEFORE = "What you see is what was there before.";
const WORDS = {
  "htmx:sendError": `The server cannot be reached. ${BEFORE}`,
  "htmx:timeout": `The answer takes too long. ${BEFORE}`,
  "htmx:responseError": `The server could not work it out. ${BEFORE}`,
};
for (const [name, words] of Object.entries(WORDS)) {
  document.addEventListener(name, (event) => {
    const { elt, target, pathInfo } = event.detail;
    if (ofPage(event)) complain(target, words, pathInfo.finalRequestPath);
    else if (target?.id === "dialog" && elt.href) location.assign(elt.href); // the page says what is the matter
  });
}
