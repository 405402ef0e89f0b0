// Buttons with data-copy put that text on the clipboard and say so; data-copy-from copies the words of another element.
"use strict";

(() => {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    event.preventDefault();
    const source = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
    const said = document.getElementById("said");
    try {
      await navigator.clipboard.writeText(source ? source.innerText : button.dataset.copy);
      button.classList.add("is-copied");
      if (said) said.textContent = "Copied.";
      setTimeout(() => button.classList.remove("is-copied"), 1500);
    } catch {
      if (said) said.textContent = "The browser does not allow copying. Select the text and copy it yourself.";
    }
  });
})();
