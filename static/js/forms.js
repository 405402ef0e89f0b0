// Forms and regions: the busy word on buttons, aria-busy while fetching, focus after a swap, dialogs and menus.
"use strict";

(() => {
  function setBusy(button) {
    if (!button?.dataset.busy || button.dataset.rest) return;
    button.dataset.rest = button.textContent;
    const width = button.getBoundingClientRect().width;
    button.textContent = button.dataset.busy;
    button.setAttribute("aria-disabled", "true");
    button.classList.add("is-busy");
    const shrunk = width - button.getBoundingClientRect().width;
    if (shrunk > 0) button.append(document.createTextNode("\u00a0".repeat(Math.floor(shrunk / 4))));
  }

  // A form that is on its way is not sent again by a second press.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) event.preventDefault();
    if (event.defaultPrevented || form.method !== "post" || form.closest("[hx-post]")) return;
    form.dataset.sent = "yes";
    setBusy(event.submitter);
  });
  // Whoever fills in what belongs to a choice has made that choice; a choice replaces what was typed instead of it.
  document.addEventListener("input", (event) => {
    const choice = document.getElementById(event.target.dataset.chooses);
    if (choice) choice.checked = true;
    const typed = document.getElementById(event.target.closest("[data-replaces]")?.dataset.replaces);
    if (typed) typed.value = "";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // A button is not exchanged under the finger that presses it: the browser would drop the press. It is afterwards.
  let pressed = null;
  let later = null;
  document.addEventListener("pointerdown", (event) => {
    pressed = event.target.closest?.("button");
  });
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, () => setTimeout(() => {
      if (later && !pressed.form?.dataset.sent) pressed.replaceWith(later);
      pressed = later = null;
    }));
  }
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    if (!pressed || event.detail.target !== pressed) return;
    event.detail.shouldSwap = false;
    later = event.detail.fragment.firstElementChild;
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    event.detail.target?.setAttribute("aria-busy", "true");
    setBusy(event.detail.requestConfig?.triggeringEvent?.submitter);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    event.detail.target?.removeAttribute("aria-busy");
    const button = event.detail.requestConfig?.triggeringEvent?.submitter;
    if (!button?.dataset.rest) return;
    button.textContent = button.dataset.rest;
    button.removeAttribute("aria-disabled");
    button.classList.remove("is-busy");
    delete button.dataset.rest;
  });
  document.addEventListener("htmx:afterSettle", (event) => event.detail.elt.querySelector?.("[data-focus]")?.focus());

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog) {
      event.preventDefault();
      dialog.showModal();
      return;
    }
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    // One menu at a time, and none after a click beside it.
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest?.("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
})();
