// What htmx could not fetch, in words, in the one announced region of the layout. Errors of a form come as 422 and are swapped.
"use strict";

(() => {
  const words = {
    0: "Portico does not answer. What you see stays; try again in a moment.",
    403: "You may not do this. Reload the page to see what you may do.",
    404: "This is gone or was never there. Reload the page to see what is there now.",
    409: "Somebody changed this meanwhile. Reload the page and look again.",
    413: "That is too large to send.",
    429: "Too many requests at once. Wait a moment, then try again.",
  };

  function show(text, number) {
    const region = document.getElementById("failure");
    if (!region) return;
    const note = document.createElement("div");
    const line = document.createElement("p");
    note.className = "note";
    note.dataset.state = "bad";
    line.textContent = number ? `${text} Number to quote: ${number}.` : text;
    note.append(line);
    region.replaceChildren(note);
  }

  document.addEventListener("htmx:responseError", (event) => {
    const answer = event.detail.xhr;
    const said = answer.getResponseHeader("X-Portico-Message");
    const text = said ? decodeURIComponent(said) : words[answer.status] || "Portico could not do this. Try again in a moment.";
    show(text, answer.status >= 500 ? answer.getResponseHeader("X-Request-ID") : "");
  });
  document.addEventListener("htmx:sendError", () => show(words[0]));
  document.addEventListener("htmx:timeout", () => show(words[0]));
  document.addEventListener("htmx:swapError", () => show("The answer could not be shown. Reload the page."));
  document.addEventListener("htmx:afterSwap", () => document.getElementById("failure")?.replaceChildren());
})();
