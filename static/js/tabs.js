// <div class="tabs"> holds a list of links to the ids of panels below. Without script all panels show, one after another.
// With it only the chosen one does; arrow keys, Home and End move between the tabs.

function choose(tabs, chosen, { focus = false } = {}) {
  for (const tab of tabs.querySelectorAll("a[role=tab]")) {
    const isChosen = tab === chosen;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    document.querySelector(tab.hash).hidden = !isChosen;
  }
  // Into the middle of a line of tabs that is wider than the window; the page itself stays where it is.
  const list = chosen.closest("ul");
  list.scrollLeft += chosen.getBoundingClientRect().left - list.getBoundingClientRect().left - (list.clientWidth - chosen.offsetWidth) / 2;
  if (focus) chosen.focus({ preventScroll: true });
}

function begin(tabs) {
  const list = tabs.querySelector("ul");
  if (!list || list.getAttribute("role") === "tablist") return;
  const links = [...list.querySelectorAll("a[href^='#']")];
  if (!links.length) return; // tabs that are pages of their own
  list.setAttribute("role", "tablist");
  links.forEach((link) => {
    link.setAttribute("role", "tab");
    link.parentElement.setAttribute("role", "presentation");
    const panel = document.querySelector(link.hash);
    link.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-label", link.textContent.trim());
  });
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("a[role=tab]");
    if (!tab) return;
    event.preventDefault();
    choose(tabs, tab);
  });
  list.addEventListener("keydown", (event) => {
    const at = links.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    choose(tabs, links.at(to % links.length), { focus: true });
  });
  choose(tabs, links.find((link) => link.hash === location.hash) ?? links[0]);
}

const beginAll = (root) => root.querySelectorAll(".tabs").forEach(begin);
beginAll(document);
document.addEventListener("htmx:load", (event) => beginAll(event.detail.elt.parentElement ?? document));
