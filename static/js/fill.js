// <span data-fill="#id">: becomes a button that puts its text into the field that it names. Without script it is only read.

for (const text of document.querySelectorAll("[data-fill]")) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: `${text.className} button-link`, textContent: text.textContent });
  button.title = `Take ${text.textContent}`;
  button.addEventListener("click", () => {
    const field = document.querySelector(text.dataset.fill);
    field.value = text.textContent;
    field.focus();
  });
  text.replaceWith(button);
}
