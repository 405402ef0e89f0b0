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

  // A new line begins where the one before it did; Ctrl-Enter tries what is written.
  source.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) {
      document.querySelector("[data-workshop] [value=try]").click();
      return;
    }
    const before = source.value.slice(0, source.selectionStart);
    const indent = before.slice(before.lastIndexOf("\n") + 1).match(/^ */)[0];
    document.execCommand("insertText", false, `\n${indent}`); // the only way that keeps undo
  });

  source.addEventListener("input", count);
  document.addEventListener("htmx:afterSettle", mark);
  count();
  mark();
  document.querySelector("[data-live]").hidden = false;

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
