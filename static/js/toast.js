// A toast tells what was done and goes after six seconds, not while it is pointed at or holds the focus.
"use strict";

(() => {
  const LIFETIME = 6000; // milliseconds
  const region = document.getElementById("toasts");
  if (!region) return;

  function expire(toast) {
    if (toast.dataset.toast === "timed") return;
    toast.dataset.toast = "timed";
    setTimeout(function leave() {
      if (toast.matches(":hover, :focus-within")) setTimeout(leave, 1000);
      else toast.remove();
    }, LIFETIME);
  }

  const expireAll = () => region.querySelectorAll("[data-toast]").forEach(expire);
  new MutationObserver(expireAll).observe(region, { childList: true });
  expireAll();
})();
