// Toasts leave by themselves and on a click. An HTMX answer adds one by the header HX-Trigger: {"toast": {"text": "..."}}.

const SHOWN_MS = 7000;
const toasts = document.getElementById("toasts");

function add(toast) {
  toast.addEventListener("click", () => toast.remove());
  setTimeout(() => toast.remove(), SHOWN_MS);
}

for (const toast of toasts.children) add(toast);

document.addEventListener("toast", (event) => {
  const toast = document.createElement("div");
  toast.className = "toast";
  const words = document.createElement("p");
  words.textContent = event.detail.text;
  toast.append(words);
  toasts.append(toast);
  add(toast);
});
