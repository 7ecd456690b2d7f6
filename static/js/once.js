// Things that happen once. <form data-submit-once> is sent once, however often its button is pressed.
// <section data-once="/a/page/"> holds a secret: reloading leads to that page, and whoever comes back finds it gone.

const sent = new WeakSet();

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-submit-once]")) return;
  if (sent.has(event.target)) event.preventDefault();
  sent.add(event.target);
});

addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-submit-once]")) sent.delete(form);
});

const secret = document.querySelector("[data-once]");
if (secret) {
  history.replaceState(null, "", secret.dataset.once);
  addEventListener("pagehide", () => secret.remove());
}
