/* Long settings pages in tabs: arrow keys, Home and End; the open one stands in the address and outlives a save.
   Without this file the parts stand one after the other, and the list of them leads to each. */
"use strict";

const list = document.querySelector(".tab-list");
const tabs = [...list.querySelectorAll("a")];
const panels = tabs.map((tab) => document.getElementById(tab.hash.slice(1)));
const problems = document.getElementById("problems");
const KEPT = "tab after saving";

const open = (at) => {
  tabs.forEach((tab, n) => {
    tab.setAttribute("aria-selected", String(n === at));
    tab.tabIndex = n === at ? 0 : -1;
    panels[n].hidden = n !== at;
  });
};
const choose = (at) => {
  open(at);
  history.replaceState(null, "", tabs[at].hash);
};
/* Where an address leads: to a tab, or to a field on one. */
const follow = (id) => {
  const target = id && document.getElementById(id);
  const at = panels.findIndex((panel) => target && panel.contains(target));
  if (at >= 0) open(at);
  if (!target || panels.includes(target) || !target.closest("form")) return at;
  const field = target.matches("input, select, textarea") ? target : target.querySelector("input, select, textarea, a");
  field?.focus({ preventScroll: true });
  (target.closest(".form-row") || target).scrollIntoView({ block: "center" });
  return at;
};

list.setAttribute("role", "tablist");
tabs.forEach((tab, n) => {
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", panels[n].id);
  panels[n].setAttribute("role", "tabpanel");
  panels[n].setAttribute("aria-labelledby", tab.id);
  tab.addEventListener("click", (event) => { event.preventDefault(); choose(n); });
});
list.addEventListener("keydown", (event) => {
  const at = tabs.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (event.key === " ") tabs[at]?.click();
  if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const next = (to + tabs.length) % tabs.length;
  choose(next);
  tabs[next].focus();
});
window.addEventListener("hashchange", () => follow(location.hash.slice(1)));
problems?.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (link?.hash === location.hash) { event.preventDefault(); follow(link.hash.slice(1)); }
});

const form = list.closest("form");
form.addEventListener("submit", () => {
  const at = panels.findIndex((panel) => !panel.hidden);
  sessionStorage.setItem(KEPT, JSON.stringify([location.pathname, panels[at].id]));
  history.replaceState(null, "", location.pathname + location.search); // or the list that follows would inherit it
});
const [path, kept] = JSON.parse(sessionStorage.getItem(KEPT) || "[]");
if (path === location.pathname) sessionStorage.removeItem(KEPT);

const wrong = tabs.findIndex((tab) => tab.querySelector(".count"));
const before = path === location.pathname ? panels.findIndex((panel) => panel.id === kept) : -1;
open(Math.max(0, wrong >= 0 ? wrong : before));
if (problems) problems.focus();
else if (location.hash) follow(location.hash.slice(1));
/* After the load: a browser that then finds the tab in the address would take the focus away from what is wrong. */
const show = () => history.replaceState(null, "", tabs[panels.findIndex((panel) => !panel.hidden)].hash);
if (problems || before >= 0) window.addEventListener("load", () => setTimeout(show));
