// Keys: j, k and Enter walk a list with data-keys, x ticks the row that is chosen; f goes to the filter; a button with data-key="a" is pressed by a.
"use strict";

(() => {
  const inField = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

  function rowsOf(list) {
    return [...list.querySelectorAll("[data-open]")].filter((link) => link.offsetParent !== null);
  }

  function move(step) {
    const list = document.querySelector("[data-keys]");
    if (!list) return false;
    const links = rowsOf(list);
    if (!links.length) return false;
    const at = links.findIndex((link) => link === document.activeElement);
    const chosen = links.findIndex((link) => link.closest(".is-selected"));
    const from = at >= 0 ? at : chosen;
    const next = from < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(from + step, 0), links.length - 1);
    select(list, links[next]);
    return true;
  }

  function select(list, link) {
    for (const row of list.querySelectorAll(".is-selected")) row.classList.remove("is-selected");
    link.closest("tr, li").classList.add("is-selected");
    link.focus();
    link.scrollIntoView({ block: "nearest" });
    if (list.dataset.keys === "open") link.click();
  }

  function tick() {
    const box = document.querySelector("[data-keys] .is-selected input[type=checkbox]");
    box?.click();
    return Boolean(box);
  }

  // A row was opened and its request is not in the pane yet: a key would answer the one before.
  function isBeingReplaced(button) {
    return Boolean(button.closest(".decision-bar")?.closest(".frame-inbox")?.querySelector(".inbox-list .htmx-request"));
  }

  function press(key) {
    const button = document.querySelector(`[data-key="${CSS.escape(key)}"]:not([disabled])`);
    if (!button || button.offsetParent === null || isBeingReplaced(button)) return false;
    button.focus();
    button.click();
    return true;
  }

  function focusFilter() {
    const field = document.querySelector("[data-filter]");
    field?.focus();
    field?.select();
    return Boolean(field);
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.metaKey) return;
    const field = inField(event.target);
    if (event.key === "Enter" && event.ctrlKey && field?.form) {
      event.preventDefault();
      field.form.requestSubmit();
      return;
    }
    if (event.ctrlKey || field || document.querySelector("dialog[open]")) return;
    const done =
      (event.key === "j" && move(1)) || (event.key === "k" && move(-1)) || (event.key === "f" && focusFilter()) || (event.key === "x" && tick()) || press(event.key);
    if (done) event.preventDefault();
  });
})();
