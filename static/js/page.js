// Every page: says that scripts run, draws the progress line, and lets "/" reach the search or filter.

document.documentElement.classList.add("js");

const SLOW_MS = 300;
const line = document.getElementById("progress-line");
let underway = 0;
let timer = 0;

document.addEventListener("htmx:beforeRequest", () => {
  underway += 1;
  if (underway === 1) timer = setTimeout(() => line.classList.add("is-on"), SLOW_MS);
});

document.addEventListener("htmx:afterRequest", () => {
  underway = Math.max(0, underway - 1);
  if (underway === 0) {
    clearTimeout(timer);
    line.classList.remove("is-on");
  }
});

// A refused form comes back as 4xx with the form in it: it is shown like any other answer.
document.addEventListener("htmx:beforeSwap", (event) => {
  const isHtml = (event.detail.xhr.getResponseHeader("Content-Type") || "").startsWith("text/html");
  if ([400, 409, 422].includes(event.detail.xhr.status) && isHtml) event.detail.shouldSwap = true;
});

// Signing out ends what this tab keeps of the account: the guide's key, for one.
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action")?.endsWith("/logout/")) sessionStorage.clear();
});

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("input[type=search], input[data-filter]");
  if (search) {
    event.preventDefault();
    search.focus();
  }
});
