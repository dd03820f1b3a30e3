// Enter in a field of a part inside a larger form presses the part's own button (data-enter: its id), not the form's first one.

"use strict";

document.addEventListener("keydown", (event) => {
  const id = event.key === "Enter" && event.target.dataset ? event.target.dataset.enter : "";
  const button = id && document.getElementById(id);
  if (!button) return;
  event.preventDefault();
  button.click();
});
