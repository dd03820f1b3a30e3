/* The approval queue by keyboard: A approve, E edit, R reject, J and K (arrows inside it) through the list.
   All of it works without this file. */
"use strict";

const open = (id) => {
  const box = document.getElementById(id);
  if (!box) return;
  box.open = true;
  box.querySelector("input:not([type=hidden]), textarea, select")?.focus();
};

const move = (by) => {
  const links = [...document.querySelectorAll(".split-list a")];
  const at = links.findIndex((link) => link.hasAttribute("aria-current"));
  const next = links[Math.max(0, Math.min(at + by, links.length - 1))];
  if (next && !next.hasAttribute("aria-current")) next.click();
};

const keys = {
  a: () => document.querySelector("#approve button")?.click(),
  e: () => open("edit"),
  r: () => open("reject"),
  j: () => move(1),
  k: () => move(-1),
  arrowdown: () => move(1),
  arrowup: () => move(-1),
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable], dialog");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  const act = keys[key];
  if (!act || (key.startsWith("arrow") && !event.target.closest(".split-list"))) return;
  event.preventDefault();
  act();
});
