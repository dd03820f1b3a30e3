/* A page by keyboard: whatever carries data-key is pressed, or opened, by that key; J and K (arrows inside it) move
   through the list at the left. All of it works without this file. */
"use strict";

const press = (target) => {
  if (target.tagName !== "DETAILS") return target.click();
  target.open = true;
  target.querySelector("input:not([type=hidden]), textarea, select")?.focus();
};

const move = (by) => {
  const links = [...document.querySelectorAll(".split-list a")];
  const at = links.findIndex((link) => link.hasAttribute("aria-current"));
  const next = links[Math.max(0, Math.min(at + by, links.length - 1))];
  if (next && !next.hasAttribute("aria-current")) next.click();
};

const moves = { j: 1, k: -1, arrowdown: 1, arrowup: -1 };

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable], dialog");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  const target = /^[a-z0-9]$/.test(key) && document.querySelector(`[data-key="${key}"]`);
  if (!target && !(key in moves)) return;
  if (key.startsWith("arrow") && !event.target.closest(".split-list")) return;
  event.preventDefault();
  if (target) press(target);
  else move(moves[key]);
});
