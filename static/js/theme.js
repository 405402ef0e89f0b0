// The paper: light, dark or as the device says. The server reads the cookie, so the next page comes in the right colours.
"use strict";

(() => {
  const root = document.documentElement;
  root.classList.add("has-js");

  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-theme-choice]")) return;
    const choice = event.target.value;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    const age = choice === "auto" ? 0 : 31536000;
    document.cookie = `theme=${choice}; Path=/; Max-Age=${age}; SameSite=Lax${secure}`;
    if (choice === "auto") delete root.dataset.theme;
    else root.dataset.theme = choice;
    for (const radio of document.querySelectorAll("[data-theme-choice]")) radio.checked = radio.value === choice;
  });
})();
