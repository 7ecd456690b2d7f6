// The documentation: a click on the sign beside a heading copies its address, and the list of headings follows the page.

document.addEventListener("click", async (event) => {
  const anchor = event.target.closest(".anchor");
  if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey) return;
  try {
    await navigator.clipboard.writeText(anchor.href);
  } catch {
    return; // The address is in the address bar all the same.
  }
  anchor.classList.add("is-done");
  setTimeout(() => anchor.classList.remove("is-done"), 1600);
});

const links = new Map([...document.querySelectorAll(".docs-contents a")].map((link) => [link.hash.slice(1), link]));
const headings = [...links.keys()].map((id) => document.getElementById(decodeURIComponent(id))).filter(Boolean);

function follow() {
  // The last heading above a third of the window is the one being read; at the very end, the last one.
  const isAtEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
  const above = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 3);
  const now = isAtEnd ? headings.at(-1) : above.at(-1);
  for (const [id, link] of links) {
    if (id === now?.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

let isPlanned = false;
function plan() {
  if (isPlanned) return;
  isPlanned = true;
  requestAnimationFrame(() => {
    isPlanned = false;
    follow();
  });
}

if (headings.length) {
  addEventListener("scroll", plan, { passive: true });
  addEventListener("resize", plan);
  follow();
}
