// The guide's platform key: kept in this tab's sessionStorage, filled into its form and its code, never sent for keeping.

const nameFor = (slug) => `aipc-key:${slug}`;

function recall(slug) {
  try {
    return sessionStorage.getItem(nameFor(slug)) ?? "";
  } catch {
    return ""; // storage may be forbidden: the key is pasted then
  }
}

function keep(code) {
  try {
    sessionStorage.setItem(nameFor(code.dataset.newKey), code.textContent.trim());
  } catch {
    // as above
  }
}

function fillForm(field) {
  const slug = field.dataset.keyField;
  const key = recall(slug);
  const input = field.querySelector("input");
  const shown = field.parentElement.querySelector("[data-key-in-use]");
  // A key that was just refused, or one that is being typed, is not replaced.
  if (!key || input.value || input.getAttribute("aria-invalid") === "true") return;
  input.value = key;
  field.hidden = true;
  shown.hidden = false;
  shown.querySelector("[data-key-mask]").textContent = `${key.slice(0, 4)}...${key.slice(-4)}`;
  shown.querySelector("[data-key-other]").addEventListener("click", () => {
    shown.hidden = true;
    field.hidden = false;
    input.value = "";
    input.focus();
  });
}

function fillCode(section) {
  const key = recall(section.dataset.snippets);
  if (!key) return;
  const walker = document.createTreeWalker(section, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (text.parentElement.closest(".code pre")) text.data = text.data.replaceAll(section.dataset.placeholder, key);
  }
  section.querySelector("[data-key-gone]").hidden = true;
  section.querySelector("[data-key-known]").hidden = false;
}

// What was typed as the provider's key outlives a refused request, in this page's memory alone: no answer brings it back.
let typed = "";

function restoreTyped(input) {
  if (input.getAttribute("aria-invalid") !== "true") input.value ||= typed;
  typed = "";
}

function begin(root) {
  root.querySelectorAll("[data-new-key]").forEach(keep);
  root.querySelectorAll("[data-key-field]").forEach(fillForm);
  root.querySelectorAll("[data-snippets]").forEach(fillCode);
  root.querySelectorAll("input[name=provider_key]").forEach(restoreTyped);
}

begin(document);

document.addEventListener("htmx:beforeSwap", (event) => {
  typed = event.detail.target.querySelector("input[name=provider_key]")?.value ?? "";
});
document.addEventListener("htmx:load", (event) => event.detail.elt !== document.body && begin(event.detail.elt.parentElement ?? document));

// After a step has been swapped in, whoever reads by ear or by keyboard goes on at its beginning.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt.id === "content") (document.getElementById("problem") ?? event.detail.elt).focus();
});
