// Toasts leave by themselves, not while they are pointed at or hold the focus; their cross closes them at once.
// An HTMX answer adds one by the header HX-Trigger: {"toast": {"text": "..."}}.

const toasts = document.getElementById("toasts");

function add(toast) {
  const cross = Object.assign(document.createElement("button"), { type: "button", className: "toast-close", textContent: "×" });
  cross.setAttribute("aria-label", "Close this message");
  cross.addEventListener("click", () => toast.remove());
  toast.append(cross);
  toast.addEventListener("animationend", (event) => event.animationName === "leave" && toast.remove());
  // Without motion there is no animation to wait for.
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) setTimeout(() => leave(toast), SHOWN_MS);
}

const SHOWN_MS = 6000;

function leave(toast) {
  if (toast.matches(":hover, :focus-within")) setTimeout(() => leave(toast), 1000);
  else toast.remove();
}

for (const toast of toasts?.children ?? []) add(toast);

document.addEventListener("toast", (event) => {
  const toast = document.createElement("div");
  toast.className = "toast";
  const words = document.createElement("p");
  words.textContent = event.detail.text;
  toast.append(words);
  toasts?.append(toast);
  add(toast);
});
