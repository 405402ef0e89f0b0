// The workshop's editor: numbers beside the lines, marks at lines with findings, and a way from a finding to its line.
"use strict";

(() => {
  const editor = document.querySelector("[data-editor]");
  if (!editor) return;
  const source = editor.querySelector("textarea");
  const numbers = editor.querySelector("[data-lines]");

  function count() {
    const lines = source.value.split("\n").length;
    source.rows = lines + 1;
    while (numbers.children.length < lines) {
      const number = document.createElement("span");
      number.textContent = numbers.children.length + 1;
      numbers.append(number);
    }
    while (numbers.children.length > lines) numbers.lastChild.remove();
  }

  function mark() {
    for (const number of numbers.children) delete number.dataset.mark;
    // The worst comes last, so that it stays.
    for (const state of ["unknown", "warn", "bad"]) {
      for (const row of document.querySelectorAll(`.findings [data-mark="${state}"]`)) {
        const number = numbers.children[row.dataset.line - 1];
        if (number) number.dataset.mark = state;
      }
    }
  }

  source.addEventListener("input", count);
  document.addEventListener("htmx:afterSettle", mark);
  count();
  mark();

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-goto]");
    if (!link) return;
    event.preventDefault();
    const lines = source.value.split("\n");
    const start = lines.slice(0, link.dataset.goto - 1).join("\n").length + (link.dataset.goto > 1 ? 1 : 0);
    source.focus({ preventScroll: true });
    source.setSelectionRange(start, start + (lines[link.dataset.goto - 1] ?? "").length);
    numbers.children[link.dataset.goto - 1]?.scrollIntoView({ block: "center" });
  });
})();
