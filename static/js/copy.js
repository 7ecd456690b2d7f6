// <button class="copy" data-copy="#id">: copies the text, or the value, of the element it names, and says so.

const SAID_MS = 2000;

async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // No clipboard on plain http: the old way, by a selection.
    const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true, className: "sr-only" });
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    if (!isCopied) throw new Error("The browser did not copy.");
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  if (!source) return;
  const label = button.dataset.label ?? (button.dataset.label = button.innerHTML);
  let said = "Copied";
  try {
    await write("value" in source ? source.value : source.textContent);
    button.classList.add("is-done");
  } catch {
    said = "Select it and copy by hand";
  }
  button.textContent = said;
  button.setAttribute("aria-live", "polite");
  clearTimeout(Number(button.dataset.timer));
  button.dataset.timer = setTimeout(() => {
    button.innerHTML = label;
    button.classList.remove("is-done");
  }, SAID_MS);
});
