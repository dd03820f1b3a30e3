/* The frame's small conveniences. Every page works without this file. */
"use strict";

const navButton = document.querySelector(".nav-button");
navButton?.addEventListener("click", () => {
  const isOpen = document.getElementById("navigation").classList.toggle("open");
  navButton.setAttribute("aria-expanded", String(isOpen));
});

const userMenu = document.querySelector(".user-menu");
document.addEventListener("click", (event) => {
  if (userMenu?.open && !userMenu.contains(event.target)) userMenu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && userMenu?.open) {
    userMenu.open = false;
    userMenu.querySelector("summary").focus();
  }
});

/* A form somebody has typed into asks before the page is left. */
let isChanged = false;
document.querySelectorAll("form[method=post]:not(#changelist-form, #logout-form, #login-form)").forEach((form) => {
  form.addEventListener("input", () => { isChanged = true; });
  form.addEventListener("submit", () => { isChanged = false; });
});
window.addEventListener("beforeunload", (event) => { if (isChanged) event.preventDefault(); });

/* Tables that scroll sideways can be reached by keyboard. */
document.querySelectorAll(".results, .inline-group .tabular, #change-history").forEach((box) => {
  if (box.scrollWidth > box.clientWidth && box.tagName === "DIV") {
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "Table, scrolls sideways");
  }
});

/* Choosers of Django's admin (select2) take the name of the label they belong to. */
const nameChoosers = () => document.querySelectorAll("select.admin-autocomplete + .select2").forEach((box) => {
  const select = box.previousElementSibling;
  const label = document.querySelector(`label[for="${select.id}"]`);
  const shown = box.querySelector(".select2-selection__rendered");
  const chooser = box.querySelector(".select2-selection");
  if (!shown || !chooser) return;
  if (label) {
    label.id ||= `label-of-${select.id}`;
    shown.setAttribute("aria-labelledby", label.id);
    chooser.setAttribute("aria-labelledby", `${label.id} ${shown.id}`);
  } else {
    shown.setAttribute("aria-label", select.getAttribute("aria-label") || select.name);
  }
});
if (document.querySelector("select.admin-autocomplete")) {
  new MutationObserver(nameChoosers).observe(document.getElementById("content"), { childList: true, subtree: true });
  nameChoosers();
}
window.addEventListener("load", () => {
  document.querySelectorAll(".search-label-icon[aria-label]").forEach((icon) => icon.setAttribute("role", "img"));
});

/* A link to something folded opens it, once the parts of the page are alive. */
const unfold = () => {
  const box = document.getElementById(window.location.hash.slice(1));
  if (box?.tagName === "DETAILS") box.open = true;
};
window.addEventListener("load", unfold);
window.addEventListener("hashchange", unfold);

/* What a button copies is the text of the element that it names. Without a clipboard there is no button. */
document.querySelectorAll("[data-copies]").forEach((button) => {
  if (!navigator.clipboard) return;
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent.trim());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 2000);
  });
});

/* Ctrl+K: go anywhere. Pages come from the navigation; clients, contacts and runs from the server. */
const palette = document.getElementById("palette");
if (palette) {
  const query = document.getElementById("palette-query");
  const results = document.getElementById("palette-results");
  const pages = [...document.querySelectorAll("#navigation a")].map((link) => ({
    label: link.querySelector("span").textContent, kind: "Page", url: link.href,
  }));
  let chosen = 0;
  let places = [];
  let asked = 0;

  const choose = (index) => {
    chosen = Math.max(0, Math.min(index, places.length - 1));
    [...results.children].forEach((row, at) => row.setAttribute("aria-selected", String(at === chosen)));
    results.children[chosen]?.scrollIntoView({ block: "nearest" });
    query.setAttribute("aria-activedescendant", places.length ? `place-${chosen}` : "");
  };
  const show = (list) => {
    places = list;
    results.replaceChildren(...list.map((place, at) => {
      const row = document.createElement("li");
      const kind = document.createElement("span");
      kind.className = "quiet small";
      kind.textContent = place.kind;
      row.append(place.label, kind);
      row.id = `place-${at}`;
      row.setAttribute("role", "option");
      row.addEventListener("click", () => { window.location.href = place.url; });
      return row;
    }));
    choose(0);
  };
  const search = async () => {
    const text = query.value.trim();
    const mine = ++asked;
    const found = pages.filter((page) => page.label.toLowerCase().includes(text.toLowerCase()));
    show(found);
    if (text.length < 2 && !/^\d+$/.test(text)) return;
    const answer = await fetch(`${palette.dataset.search}?q=${encodeURIComponent(text)}`, { headers: { Accept: "application/json" } });
    if (mine === asked && answer.ok) show(found.concat((await answer.json()).places));
  };
  const open = () => { palette.showModal(); query.value = ""; search(); query.focus(); };

  document.querySelector("[data-opens=palette]")?.addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); }
  });
  query.addEventListener("input", search);
  palette.querySelector("form").addEventListener("submit", (event) => {
    if (places[chosen]) { event.preventDefault(); window.location.href = places[chosen].url; }
  });
  query.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(chosen + (event.key === "ArrowDown" ? 1 : -1));
    }
  });
  palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
}
