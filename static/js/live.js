// <div id="x" data-live data-stamp="...">: while the page is looked at, asks every few seconds whether there is anything newer than the
// stamp (204 says no) and mends the page with it. #x-live says how that goes, and owns up when it does not.

import { morph } from "./morph.js";

const EVERY_MS = 3000;
const MOST_MS = 60_000;
const PATIENCE_MS = 15_000;
const ANNOUNCED_EVERY_MS = 60_000;

const page = document.querySelector("[data-filtered]");
const shown = document.getElementById(`${page.id}-live`);
const said = document.getElementById(`${page.id}-said`);
let timer = 0;
let asking = null;
let failures = 0;
let isOver = false; // signed out
let last = new Date();
let announced = 0;

const isLive = () => !isOver && !document.hidden && page.dataset.live !== undefined;

function plan(ms) {
  clearTimeout(timer);
  if (isLive()) timer = setTimeout(ask, ms);
}

function stop() {
  clearTimeout(timer);
  asking?.abort();
  asking = null;
}

function show(state, words, title = "") {
  shown.hidden = !words;
  shown.className = `live live-${state}`;
  shown.querySelector("[data-words]").textContent = words;
  shown.querySelector("button").hidden = state !== "late";
  shown.querySelector("a").hidden = state !== "over";
  shown.title = title;
}

const clock = (moment) => moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

function showState() {
  if (isOver) show("over", "You are signed out.");
  else if (page.dataset.live === undefined) show("closed", "");
  else if (failures > 1) show("late", `Not updating since ${clock(last)}.`);
  else show("on", page.dataset.live || "Live", `Last looked at ${clock(last)}`);
}

async function ask() {
  stop();
  const mine = (asking = new AbortController());
  const url = new URL(location.href);
  url.searchParams.set("stamp", page.dataset.stamp);
  const patience = setTimeout(() => mine.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true" }, redirect: "manual", cache: "no-store", signal: mine.signal });
    if (answer.type === "opaqueredirect" || [401, 403, 404].includes(answer.status)) isOver = true;
    else if (!answer.ok) throw new Error(answer.status);
    else if (answer.status !== 204) renew(await answer.text(), mine);
    if (!isOver) last = new Date();
    failures = 0;
  } catch {
    if (asking !== mine) return; // something else was asked for meanwhile
    failures += 1;
  } finally {
    clearTimeout(patience);
  }
  if (asking !== mine) return;
  asking = null;
  showState();
  plan(Math.min(MOST_MS, EVERY_MS * 2 ** failures));
}

function renew(html, mine) {
  if (asking !== mine) return;
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById(page.id);
  if (!fresh) throw new Error("This is not the page.");
  const before = page.dataset.said;
  morph(page, fresh);
  htmx.process(page);
  htmx.trigger(page, "htmx:load", { elt: page });
  if (page.dataset.said === before) return;
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) page.querySelector("[data-news]")?.animate([{ color: "var(--accent)" }, {}], { duration: 900, easing: "ease-out" });
  if (Date.now() - announced < ANNOUNCED_EVERY_MS) return;
  announced = Date.now();
  said.textContent = page.dataset.said;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) stop();
  else plan(0);
});
addEventListener("online", () => plan(0));
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => event.persisted && plan(0));
shown.querySelector("button").addEventListener("click", () => plan(0));

// A filter's answer is news enough: nothing of the page before it may come after.
document.addEventListener("htmx:beforeRequest", (event) => event.detail.target === page && stop());
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.target !== page) return;
  last = new Date();
  failures = 0;
  showState();
  plan(EVERY_MS);
});

showState();
plan(EVERY_MS);
