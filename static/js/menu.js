// Menus are <details class="menu">: they work alone. Here they also close on Escape, outside clicks and one another.

const openMenus = () => [...document.querySelectorAll("details.menu[open]")];

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const innermost = openMenus().pop();
  if (!innermost) return;
  innermost.open = false;
  innermost.querySelector("summary").focus();
});
