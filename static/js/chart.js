// <div class="chart-plot" data-chart tabindex="0">: arrow keys move the crosshair from day to day. Hovering needs no script.

function move(plot, step) {
  const days = [...plot.querySelectorAll(".chart-day")];
  const at = days.findIndex((day) => day.classList.contains("is-on"));
  const from = at >= 0 ? at : step > 0 ? -1 : days.length;
  const next = Math.min(days.length - 1, Math.max(0, from + step));
  days.forEach((day, index) => day.classList.toggle("is-on", index === next));
  const said = plot.parentElement.querySelector("[aria-live]");
  if (said) said.textContent = days[next].dataset.words;
}

document.addEventListener("keydown", (event) => {
  const plot = event.target.closest?.("[data-chart]");
  const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
  if (!plot || !step) return;
  event.preventDefault();
  move(plot, step);
});

document.addEventListener("focusout", (event) => {
  event.target.closest?.("[data-chart]")?.querySelectorAll(".is-on").forEach((day) => day.classList.remove("is-on"));
});
