// <div class="chart-plot" data-chart tabindex="0">: the figures of a day (or hour) beside a crosshair, by mouse, by touch and by the
// arrow keys. Legend buttons hide a series: what is left is stacked again on the same axis, so that heights before and after compare,
// and totals are of what is shown. Lines that tell of the whole (the period before, the budget) go with the first hidden series.

const LEAST_VISIBLE = 1.5; // px, as in analytics/charts/stacked.py
const PICO = 10n ** 12n;
const states = new Map(); // by the id of the figure, so that a chart that is swapped for a newer one stays as it was left

const stateOf = (figure) => {
  if (!states.has(figure.id)) states.set(figure.id, { hidden: new Set(), at: -1, isOpen: false });
  return states.get(figure.id);
};
const plotOf = (figure) => figure.querySelector("[data-chart]");
const amountsOf = (layer) => (layer.amounts ??= layer.dataset.amounts.split(" ").map(BigInt));
const layersOf = (figure) => [...figure.querySelectorAll(".chart-layer")];
const shownOf = (figure) => layersOf(figure).filter((layer) => !stateOf(figure).hidden.has(layer.dataset.name));
const totalOf = (layers, index) => layers.reduce((sum, layer) => sum + amountsOf(layer)[index], 0n);

// As the template filter `money` says it: cents from a dollar on, else four significant figures; halves to even.
function money(pico) {
  const unit = pico >= PICO ? PICO / 100n : 10n ** BigInt(Math.max(0, String(pico).length - 4));
  const half = (pico % unit) * 2n;
  const units = pico / unit;
  const rounded = (units + (half > unit || (half === unit && units % 2n) ? 1n : 0n)) * unit;
  const decimals = String(rounded % PICO).padStart(12, "0").replace(/0+$/, "").padEnd(2, "0");
  return `$${(rounded / PICO).toLocaleString("en-US")}.${decimals}`;
}

// The figures of one column

function point(figure, index) {
  const plot = plotOf(figure);
  const slot = plot.querySelectorAll(".chart-slot")[index];
  if (!slot) return;
  stateOf(figure).at = index;
  const middle = slot.x.baseVal.valueInSpecifiedUnits + slot.width.baseVal.valueInSpecifiedUnits / 2;
  const crosshair = plot.querySelector(".chart-crosshair");
  for (const end of ["x1", "x2"]) crosshair.setAttribute(end, `${middle}%`);
  plot.classList.add("is-pointed");
  const tip = plot.querySelector(".chart-tip");
  tip.replaceChildren(...lines(figure, slot, index));
  tip.hidden = false;
  const [x, free] = [(middle / 100) * plot.clientWidth, plot.clientWidth - tip.offsetWidth];
  const beside = middle > 50 ? x - tip.offsetWidth - 10 : x + 10;
  tip.style.left = `${Math.max(0, Math.min(free, beside))}px`;
}

function lines(figure, slot, index) {
  const shown = shownOf(figure);
  const isWhole = !stateOf(figure).hidden.size;
  const so = "partial" in slot.dataset ? ", so far" : "";
  const found = [line("chart-tip-title", slot.dataset.title + so, totalOf(shown, index), isWhole ? "" : "shown: ")];
  if (layersOf(figure).length > 1) {
    for (const layer of shown) {
      if (amountsOf(layer)[index]) found.push(line("", layer.dataset.name, amountsOf(layer)[index], "", layer.dataset.number));
    }
  }
  const previous = plotOf(figure).dataset.previousName;
  if (isWhole && previous && slot.dataset.previous) found.push(line("chart-tip-before", previous, BigInt(slot.dataset.previous)));
  return found;
}

function line(name, words, pico, before = "", number = "") {
  const row = Object.assign(document.createElement("div"), { className: `chart-tip-line ${name}` });
  if (number) {
    const mark = document.createElement("i");
    mark.className = `chart-tip-mark series-${number}`;
    row.append(mark);
  }
  const amount = Object.assign(document.createElement("b"), { textContent: before + money(pico) });
  row.append(Object.assign(document.createElement("span"), { textContent: words }), amount);
  return row;
}

function leave(figure) {
  stateOf(figure).at = -1;
  plotOf(figure).classList.remove("is-pointed");
  plotOf(figure).querySelector(".chart-tip").hidden = true;
}

function say(figure, index) {
  const slot = plotOf(figure).querySelectorAll(".chart-slot")[index];
  const so = "partial" in slot.dataset ? " so far" : "";
  figure.querySelector("[aria-live]").textContent = `${slot.dataset.title}: ${money(totalOf(shownOf(figure), index))}${so}`;
}

// Hiding series

function stack(figure) {
  const plot = plotOf(figure);
  const state = stateOf(figure);
  const shown = shownOf(figure);
  const slots = [...plot.querySelectorAll(".chart-slot")];
  const [height, top, share] = [Number(plot.dataset.height), Number(plot.dataset.top), Number(plot.dataset.share)];
  const below = slots.map(() => 0);
  for (const layer of layersOf(figure)) {
    const paths = ["", ""];
    if (shown.includes(layer)) {
      slots.forEach((slot, index) => {
        const total = Number(totalOf(shown, index));
        const amount = Number(amountsOf(layer)[index]);
        if (!amount) return;
        const scale = Math.max(LEAST_VISIBLE, (height * total) / top) / total;
        const width = slot.width.baseVal.valueInSpecifiedUnits;
        const x = slot.x.baseVal.valueInSpecifiedUnits + (width * (1 - share)) / 2;
        const ground = height - below[index] * scale;
        below[index] += amount;
        const part = `M${x} ${ground}V${height - below[index] * scale}H${x + width * share}V${ground}Z`;
        paths["partial" in slot.dataset ? 1 : 0] += part;
      });
    }
    [...layer.children].forEach((path, index) => path.setAttribute("d", paths[index]));
  }
  figure.classList.toggle("is-part", state.hidden.size > 0);
  for (const button of figure.querySelectorAll("[data-series]")) {
    button.setAttribute("aria-pressed", String(!state.hidden.has(button.textContent.trim())));
  }
}

function toggle(button) {
  const figure = button.closest(".chart");
  const { hidden } = stateOf(figure);
  const name = button.textContent.trim();
  if (!hidden.delete(name)) hidden.add(name);
  if (!shownOf(figure).length) hidden.clear(); // an empty chart says nothing: the last one brings all back
  stack(figure);
}

// What people do

const figureAt = (target) => target.closest?.("[data-chart]")?.closest(".chart");

function follow(event) {
  const figure = figureAt(event.target);
  if (!figure) return;
  const plot = plotOf(figure);
  for (const title of plot.querySelectorAll(".chart-slot > title")) title.remove(); // the tip says it, and more
  const { left, width } = plot.getBoundingClientRect();
  const count = plot.querySelectorAll(".chart-slot").length;
  const index = Math.max(0, Math.min(count - 1, Math.floor(((event.clientX - left) / width) * count)));
  if (index !== stateOf(figure).at) point(figure, index);
}

document.addEventListener("pointermove", follow);
document.addEventListener("pointerdown", (event) => {
  const here = figureAt(event.target);
  for (const plot of document.querySelectorAll("[data-chart].is-pointed")) {
    if (plot.closest(".chart") !== here) leave(plot.closest(".chart"));
  }
  follow(event);
});
document.addEventListener("pointerout", (event) => {
  const figure = figureAt(event.target);
  // A finger that is lifted leaves the figures there to be read.
  if (figure && event.pointerType === "mouse" && !plotOf(figure).contains(event.relatedTarget)) leave(figure);
});

document.addEventListener("keydown", (event) => {
  const figure = figureAt(event.target);
  if (!figure) return;
  if (event.key === "Escape") leave(figure);
  const last = plotOf(figure).querySelectorAll(".chart-slot").length - 1;
  const { at } = stateOf(figure);
  const next = { ArrowRight: at + 1, ArrowLeft: at < 0 ? last : at - 1, Home: 0, End: last }[event.key];
  if (next === undefined || last < 0) return;
  event.preventDefault();
  const index = Math.max(0, Math.min(last, next));
  point(figure, index);
  say(figure, index);
});

document.addEventListener("focusout", (event) => {
  const figure = figureAt(event.target);
  if (!figure) return;
  // A chart that is swapped loses the focus and gets it again in one go: then nobody has left.
  setTimeout(() => {
    const now = document.getElementById(figure.id);
    if (now && !plotOf(now).contains(document.activeElement)) leave(now);
  });
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-series]");
  if (button) toggle(button);
});

document.addEventListener("toggle", (event) => {
  const figure = event.target.closest?.(".chart");
  if (figure) stateOf(figure).isOpen = event.target.open;
}, true);

// A chart that came in by a swap looks as the one before was left.
document.addEventListener("htmx:load", (event) => {
  const part = event.detail.elt;
  for (const figure of [...(part.matches?.(".chart") ? [part] : []), ...part.querySelectorAll(".chart")]) {
    const { hidden, at, isOpen } = stateOf(figure);
    if (hidden.size) stack(figure);
    if (isOpen) figure.querySelector(".chart-figures").open = true;
    if (at >= 0) point(figure, at);
  }
});
