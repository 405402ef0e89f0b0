// The palette: / or Ctrl-K opens it, arrows choose, Enter follows, Escape closes and gives the focus back.
"use strict";

(() => {
  const palette = document.querySelector("[data-palette]");
  if (!palette) return;
  const field = palette.querySelector("input");
  const body = palette.querySelector(".palette-body");
  let before = null;

  function open(text = "") {
    if (palette.open) return;
    before = document.activeElement;
    field.value = text;
    palette.showModal();
    field.focus();
    field.dispatchEvent(new CustomEvent("palette-opened"));
  }

  const options = () => [...body.querySelectorAll("[role=option]")];

  function choose(step) {
    const rows = options();
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
    mark(rows[(at + step + rows.length) % rows.length]);
  }

  function mark(chosen) {
    options().forEach((row, index) => {
      row.id ||= `palette-row-${index}`;
      row.setAttribute("aria-selected", String(row === chosen));
    });
    if (chosen) field.setAttribute("aria-activedescendant", chosen.id);
    else field.removeAttribute("aria-activedescendant");
    chosen?.scrollIntoView({ block: "nearest" });
  }

  palette.addEventListener("close", () => before?.focus?.());
  palette.addEventListener("click", (event) => event.target === palette && palette.close());
  body.addEventListener("htmx:afterSwap", () => {
    options().forEach((row, index) => (row.id = `palette-row-${index}`));
    mark(options()[0]);
  });
  palette.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      const link = body.querySelector("[aria-selected=true]");
      if (!link) return; // the form leads to the search page
      event.preventDefault();
      link.click();
      palette.close();
    } else if (event.key === "Escape") {
      event.preventDefault(); // a search field would only empty itself
      palette.close();
    }
  });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    const isSlash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey;
    const isCtrlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    if ((!isSlash && !isCtrlK) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    open();
  });
  // The field in the top bar is the palette's door: where there is JavaScript, a click opens it.
  for (const form of document.querySelectorAll("[data-palette-open]")) {
    form.addEventListener("mousedown", (event) => {
      event.preventDefault();
      open();
    });
    form.addEventListener("click", (event) => event.preventDefault());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      open(form.querySelector("input").value);
    });
  }
})();
