// Notifications: the bell asks again while somebody looks at the page, and what is opened counts as read.
"use strict";

(() => {
  const POLITE_MS = 60_000;
  let asked = Date.now();

  const look = () => {
    const bell = document.getElementById("bell");
    if (!bell || document.visibilityState !== "visible" || Date.now() - asked < POLITE_MS) return;
    asked = Date.now();
    htmx.trigger(bell, "look");
  };
  setInterval(look, POLITE_MS / 4);
  document.addEventListener("visibilitychange", look);

  const token = () => JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";
  const opened = (event) => {
    const link = event.target.closest?.("a[data-read]");
    if (!link) return;
    const body = new FormData();
    body.append("csrfmiddlewaretoken", token());
    // Outlives this page, which the click leaves.
    navigator.sendBeacon(link.dataset.read, body);
  };
  document.addEventListener("click", opened);
  document.addEventListener("auxclick", opened);
})();
