// Keeps a board moving: the stream brings new lanes, and each second every clock counts on by itself.
// While `main` has `data-busy` (something is being dragged) what comes waits; `board:shown` says that lanes are new.
"use strict";
(() => {
  const SOON_MS = 900_000, RELOAD_MS = 5_000;
  const main = document.querySelector("main");
  const pulse = document.querySelector(".pulse");
  const filter = document.querySelector(".filter select");
  if (filter) filter.addEventListener("change", () => filter.form.submit());
  if (!main || !main.dataset.over) {
    setTimeout(() => location.reload(), RELOAD_MS);
    return;
  }
  const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
  let ahead_ms = 0; // how much the server's clock is ahead of this one

  function spelled(ms) {
    let seconds = Math.floor(Math.abs(ms) / 1_000);
    const found = UNITS.findIndex(([, size]) => seconds >= size);
    const largest = found < 0 ? UNITS.length - 1 : found;
    const parts = [];
    for (const [unit, size] of UNITS.slice(largest, largest + 2)) {
      const count = Math.floor(seconds / size);
      seconds -= count * size;
      if (count || !parts.length) parts.push(`${count} ${main.dataset[unit]}`);
    }
    return parts.join(" ");
  }

  function tick() {
    const now_ms = Date.now() + ahead_ms;
    for (const card of main.querySelectorAll(".card[data-mode]:not([data-mode=fixed])")) {
      const left_ms = Number(card.dataset.at) - now_ms;
      const slack = card.dataset.mode === "slack";
      const word = slack ? (left_ms < 0 ? "over" : "left") : "since";
      card.querySelector(".slack").textContent = main.dataset[word].replace("{time}", spelled(left_ms));
      if (!slack) continue;
      card.classList.remove("over", "soon", "ok");
      card.classList.add(left_ms < 0 ? "over" : left_ms < SOON_MS ? "soon" : "ok");
      const bar = card.querySelector("progress");
      const started_ms = Number(card.dataset.started);
      if (bar) bar.value = Math.min(1, (now_ms - started_ms) / (Number(card.dataset.due) - started_ms));
    }
  }

  function align() {
    const tiles = main.querySelector(".tiles");
    if (tiles) ahead_ms = Number(tiles.dataset.now) - Date.now();
    tick();
  }

  function show(live) {
    pulse.classList.toggle("live", live);
    pulse.classList.toggle("lost", !live);
    pulse.querySelector("span").textContent = live ? pulse.dataset.live : pulse.dataset.offline;
  }

  let waiting = null; // lanes that came while the board was busy

  function place(lanes) {
    if (main.dataset.busy) {
      waiting = lanes;
      return;
    }
    waiting = null;
    main.innerHTML = lanes;
    main.dataset.shown = Number(main.dataset.shown ?? 0) + 1;
    align();
    main.dispatchEvent(new CustomEvent("board:shown"));
  }
  main.addEventListener("board:free", () => { if (waiting !== null) place(waiting); });

  function follow() {
    const stream = new EventSource("/board/stream" + location.search);
    stream.addEventListener("open", () => show(true));
    stream.addEventListener("beat", () => show(true));
    stream.addEventListener("stale", () => show(false));
    stream.addEventListener("board", (event) => {
      place(JSON.parse(event.data));
      show(true);
    });
    stream.addEventListener("error", () => {
      show(false);
      // Closed for good: signed out, or the server went away while answering. The page finds out which.
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), RELOAD_MS);
    });
  }

  align();
  setInterval(tick, 1_000);
  follow();
})();
