// hx-swap="morph": makes a part of the page look like the answer and leaves alone what is the same in both. Scroll, focus, a text that is
// being typed, open <details> and what scripts have put there (data-scripted) stay. A list's items are told apart by id or data-key.

const SCRIPT_CLASSES = /^(is-on|is-done|is-news|htmx-.*)$/;
const WHOLE = ".chart"; // drawn anew rather than mended: its script keeps how it was left

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset?.key || "" : "");
const isOfScript = (node) => node.nodeType === Node.ELEMENT_NODE && node.dataset?.scripted === "";
const isAlike = (old, fresh) => old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);

export function morph(old, fresh) {
  const focused = document.activeElement;
  mend(old, fresh);
  if (focused && focused !== document.activeElement) {
    const again = focused.isConnected ? focused : focused.id && document.getElementById(focused.id);
    if (again) again.focus({ preventScroll: true });
  }
}

function mend(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.data = fresh.data;
    return;
  }
  if (old.matches(WHOLE)) {
    old.replaceWith(fresh);
    return;
  }
  mendAttributes(old, fresh);
  mendChildren(old, fresh);
}

function mendAttributes(old, fresh) {
  const kept = (old.dataset?.scripted ?? "").split(" ");
  const isKept = (name) => name === "data-scripted" || kept.includes(name) || (name === "open" && old.matches("details, dialog"));
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "class" && !isKept(name)) set(old, name, null);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (name !== "class" && old.getAttribute(name) !== value && !isKept(name)) set(old, name, value);
  }
  const classes = [...fresh.classList, ...[...old.classList].filter((name) => SCRIPT_CLASSES.test(name))].join(" ");
  if (classes !== (old.getAttribute("class") ?? "")) set(old, "class", classes || null);
}

function set(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
  // Of fields that were touched, the attribute is not what shows.
  if (name === "value" && "value" in element && element !== document.activeElement) element.value = value ?? "";
  if (name === "selected") element.selected = value !== null;
  if (name === "checked") element.checked = value !== null;
}

function mendChildren(old, fresh) {
  const keyed = new Map([...old.childNodes].filter(keyOf).map((child) => [keyOf(child), child]));
  let at = old.firstChild;
  const skip = () => {
    while (at && isOfScript(at)) at = at.nextSibling;
  };
  for (const next of [...fresh.childNodes]) {
    skip();
    const key = keyOf(next);
    const found = key ? keyed.get(key) : at;
    if (!found || !isAlike(found, next)) {
      old.insertBefore(next, at);
      continue;
    }
    if (found === at) at = at.nextSibling;
    else old.insertBefore(found, at);
    mend(found, next);
  }
  while (at) {
    const rest = at;
    at = at.nextSibling;
    if (!isOfScript(rest)) rest.remove();
  }
}

htmx.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph",
  handleSwap(style, target, fragment) {
    if (style !== "morph") return false;
    const fresh = fragment.firstElementChild ?? fragment;
    if (fresh.id !== target.id) return false;
    morph(target, fresh);
    return [target];
  },
});
