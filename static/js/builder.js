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
