// Looks now and then whether the ticket has a newer event, and then takes the page's new contents.
"use strict";
(() => {
  const SECONDS = 5, HIDDEN_SECONDS = 60, FAILED_SECONDS = 30;
  let waiting;
  const later = (seconds) => { clearTimeout(waiting); waiting = setTimeout(look, seconds * 1000); };

  async function look() {
    if (document.hidden) return later(HIDDEN_SECONDS);
    try {
      const answer = await fetch(location.pathname + "/latest", { cache: "no-store" });
      if (answer.status === 404) return;
      if (!answer.ok) return later(FAILED_SECONDS);
      const main = document.querySelector("main");
      const { sequence } = await answer.json();
      if (sequence > Number(main.dataset.sequence)) await redraw(main);
      later(SECONDS);
    } catch {
      later(FAILED_SECONDS);
    }
  }

  async function redraw(main) {
    const page = await fetch(location.href, { cache: "no-store" });
    if (!page.ok) return;
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html").querySelector("main");
    if (fresh) main.replaceWith(fresh);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) later(0); });
  later(SECONDS);
})();
