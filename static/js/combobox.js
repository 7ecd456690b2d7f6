// <select data-searchable> becomes a text field with a list that is searched while one types (ARIA, "Combobox Pattern").
// The select stays in the form and holds the value; without script it is a select.

const plain = (text) => text.toLowerCase().replace(/[/_-]+/g, " ").normalize("NFD").replace(/\p{M}/gu, "");
const MOST = 60;

function begin(select) {
  if (select.dataset.scripted) return;
  const label = document.querySelector(`label[for="${select.id}"]`);
  const box = Object.assign(document.createElement("div"), { className: "combobox" });
  const input = Object.assign(document.createElement("input"), { type: "text", id: `${select.id}_search`, autocomplete: "off", spellcheck: false });
  const list = Object.assign(document.createElement("ul"), { className: "combobox-list", id: `${select.id}_list`, hidden: true });
  for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": list.id })) input.setAttribute(name, value);
  for (const name of ["aria-describedby", "aria-invalid"]) if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", label.textContent.trim());
  label.htmlFor = input.id;
  select.hidden = true;
  // What morph.js leaves as it is.
  [label.dataset.scripted, select.dataset.scripted, box.dataset.scripted] = ["for", "hidden", ""];
  select.after(box);
  box.append(input, list);

  let active = -1;
  const chosen = () => select.selectedOptions[0]?.textContent ?? "";
  const items = () => [...list.querySelectorAll("[role=option]")];

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    input.value = chosen();
  }

  function mark(index) {
    active = index;
    items().forEach((item, at) => item.setAttribute("aria-selected", String(at === index)));
    const item = items()[index];
    if (!item) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  }

  function open(words) {
    const wanted = plain(words).split(" ").filter(Boolean);
    const found = [...select.options].filter((option) => wanted.every((word) => plain(option.textContent).includes(word)));
    list.replaceChildren(
      ...found.slice(0, words ? MOST : found.length).map((option, at) => {
        const item = Object.assign(document.createElement("li"), { id: `${list.id}_${at}`, textContent: option.textContent });
        item.setAttribute("role", "option");
        item.dataset.value = option.value;
        return item;
      }),
    );
    if (!found.length) {
      const item = Object.assign(document.createElement("li"), { className: "combobox-nothing", textContent: "Nothing of that name" });
      item.setAttribute("role", "presentation");
      list.append(item);
    }
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark(words ? 0 : found.findIndex((option) => option.selected));
  }

  function choose(item) {
    if (item?.dataset.value === undefined) return;
    select.value = item.dataset.value;
    select.dispatchEvent(new Event("change", { bubbles: true }));
    close();
  }

  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => list.hidden && open(""));
  input.addEventListener("input", () => open(input.value));
  input.addEventListener("blur", close);
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => choose(event.target.closest("li")));
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (list.hidden) open("");
      else mark(Math.min(items().length - 1, Math.max(0, active + step)));
    } else if (event.key === "Enter" && !list.hidden) {
      event.preventDefault();
      choose(items()[active]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.stopPropagation();
      close();
    }
  });
  // Somebody else chose; what is being typed goes on.
  select.addEventListener("settled", () => list.hidden && close());
  close();
}

// After timezone.js, which proposes the browser's zone: modules run in the order in which the page names them.
const beginAll = (root) => root.querySelectorAll("select[data-searchable]").forEach(begin);
beginAll(document);
document.addEventListener("htmx:load", (event) => beginAll(event.detail.elt.parentElement ?? document));
