// A box with data-follow stays at its end while lines arrive, unless somebody has scrolled up to read.
"use strict";

(() => {
  const NEAR = 40; // pixels from the end that still count as "at the end"

  for (const box of document.querySelectorAll("[data-follow]")) {
    let follows = true;
    box.addEventListener("scroll", () => {
      follows = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
    });
    const toEnd = () => follows && box.scrollTo({ top: box.scrollHeight });
    new MutationObserver(toEnd).observe(box, { childList: true, subtree: true });
    toEnd();
  }
})();
