// <a href="/a/page/" data-dialog="#id"> opens the dialog of this page instead of the page it leads to.
// What HTMX puts into #dialog opens it. [data-close] closes. Focus is kept and returned by <dialog> itself.

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.querySelector(opener.dataset.dialog);
  if (dialog) {
    event.preventDefault();
    dialog.showModal();
    return;
  }
  const closer = event.target.closest("[data-close]");
  if (closer?.closest("dialog")) {
    event.preventDefault();
    closer.closest("dialog").close();
    return;
  }
  // A click on the backdrop is one on the dialog itself, outside of what it contains.
  if (event.target.matches?.("dialog[open]") && !isInside(event, event.target)) event.target.close();
});

function isInside(event, dialog) {
  const box = dialog.getBoundingClientRect();
  return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
}

document.addEventListener("htmx:afterSwap", (event) => {
  const dialog = event.detail.target;
  if (dialog.id === "dialog" && dialog.childElementCount && !dialog.open) dialog.showModal();
});
