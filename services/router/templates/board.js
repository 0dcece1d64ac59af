// What a coordinator does on the board: drag a ticket onto a technician or back onto the queue, or choose someone or
// another pool from a list; with several picked, the same for all of them.
// Each is asked of the server; what becomes of it comes by the stream, as to everyone who watches.
"use strict";
(() => {
  const UNSEEN_MS = 10_000, SAID_MS = 8_000;
  const main = document.querySelector("main");
  const chooser = document.querySelector("#chooser");
  const said = document.querySelector("#said");
  if (!main || !chooser) return;
  const asked = new Map(); // ticket -> {pool and holder before, timer}
  const picked = new Set(); // tickets that the next action is meant for together
  let dragged = null, chosen = null;

  const holderOf = (card) => card.dataset.holder ?? "";
  const cardOf = (ticket) => main.querySelector(`.card[data-ticket="${CSS.escape(ticket)}"]`);

  function say(text) {
    said.textContent = text;
    said.hidden = false;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { said.hidden = true; }, SAID_MS);
  }

  async function ask(action, card, body) {
    const { ticket, pool } = card.dataset;
    forget(ticket);
    asked.set(ticket, { pool, holder: holderOf(card), timer: setTimeout(() => unseen(ticket), UNSEEN_MS) });
    mark();
    try {
      const answer = await fetch(`/board/${action}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Aftercare-Board": "1" },
        body: JSON.stringify({ pool, ticket_id: ticket, ...body }),
      });
      if (answer.ok) return;
      const problem = await answer.json().catch(() => ({}));
      fail(ticket, problem.detail ?? String(answer.status));
    } catch (error) {
      fail(ticket, error.message);
    }
  }

  function fail(ticket, reason) {
    forget(ticket);
    mark();
    say(said.dataset.refused.replace("{reason}", reason));
  }

  function unseen(ticket) {
    asked.delete(ticket);
    mark();
    say(`${ticket}: ${said.dataset.unseen}`);
  }

  function forget(ticket) {
    clearTimeout(asked.get(ticket)?.timer);
    asked.delete(ticket);
  }

  // Cards whose change was asked for say so until it has come, or the ticket has left.
  function mark() {
    for (const [ticket, { pool, holder }] of asked) {
      const card = cardOf(ticket);
      if (card?.dataset.pool !== pool || holderOf(card) !== holder) forget(ticket);
    }
    for (const ticket of picked) {
      if (!cardOf(ticket)) picked.delete(ticket);
    }
    for (const card of main.querySelectorAll(".card[data-ticket]")) {
      const isPicked = picked.has(card.dataset.ticket);
      card.querySelector(".asked").hidden = !asked.has(card.dataset.ticket);
      card.classList.toggle("picked", isPicked);
      card.querySelector(".pick").setAttribute("aria-pressed", isPicked);
    }
  }
  main.addEventListener("board:shown", mark);

  // ── picking several ──
  function pick(card) {
    const { ticket } = card.dataset;
    if (!picked.delete(ticket)) picked.add(ticket);
    mark();
  }

  // What is done to a picked card is meant for all that are picked in its pool; done to another, for that one alone.
  function meant(card) {
    if (!picked.has(card.dataset.ticket)) return [card];
    return [...picked].map(cardOf).filter((each) => each?.dataset.pool === card.dataset.pool);
  }

  function toAll(card, act) {
    const cards = meant(card);
    cards.forEach((each) => picked.delete(each.dataset.ticket));
    cards.forEach(act);
    mark();
  }

  const assign = (card, technician) => toAll(card, (each) => {
    if (technician !== holderOf(each)) ask("assign", each, { technician_id: technician });
  });
  const release = (card) => toAll(card, (each) => {
    if (holderOf(each)) ask("release", each, {});
  });
  const transfer = (card, pool) => toAll(card, (each) => ask("transfer", each, { to_pool: pool }));

  // ── dragging ──
  function target(event) {
    const found = dragged && event.target.closest?.(".person, .queue");
    if (!found || found.dataset.pool !== dragged.dataset.pool) return null;
    if (found.matches(".queue") && !holderOf(dragged)) return null;
    return found;
  }

  function light(place) {
    main.querySelectorAll(".target").forEach((each) => each !== place && each.classList.remove("target"));
    place?.classList.add("target");
  }

  main.addEventListener("dragstart", (event) => {
    const card = event.target.closest?.(".card[data-ticket]");
    if (!card) return;
    dragged = card;
    main.dataset.busy = "1";
    card.classList.add("dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", card.dataset.ticket);
  });
  main.addEventListener("dragover", (event) => {
    const place = target(event);
    light(place);
    if (place) event.preventDefault();
  });
  main.addEventListener("drop", (event) => {
    const place = target(event);
    if (!place) return;
    event.preventDefault();
    if (place.matches(".person")) assign(dragged, place.dataset.technician);
    else release(dragged);
  });
  main.addEventListener("dragend", () => {
    dragged?.classList.remove("dragged");
    dragged = null;
    light(null);
    delete main.dataset.busy;
    main.dispatchEvent(new Event("board:free"));
  });

  // ── choosing ──
  function choose(card, title, entries) {
    chosen = card.dataset.ticket;
    const others = meant(card).length - 1;
    chooser.querySelector("h2").textContent = title.replace("{ticket}", others ? `${chosen} +${others}` : chosen);
    chooser.querySelector("ul").replaceChildren(...entries);
    chooser.showModal();
  }

  function choosePerson(card) {
    const people = [...main.querySelectorAll(".person")].filter((each) => each.dataset.pool === card.dataset.pool);
    const others = people.filter((each) => each.dataset.technician !== holderOf(card));
    choose(card, chooser.dataset.title, others.map((person) => {
      const parts = ["dot", "name", "load"].map((part) => person.querySelector(`.${part}`).cloneNode(true));
      return entry({ technician: person.dataset.technician }, person.className.replace("person", ""), parts);
    }));
  }

  function choosePool(card) {
    const pools = JSON.parse(main.querySelector("[data-pools]").dataset.pools);
    const others = pools.filter((pool) => pool !== card.dataset.pool);
    choose(card, chooser.dataset.transferTitle, others.map((pool) => entry({ pool }, "", [pool])));
  }

  function entry(data, className, parts) {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.className = className;
    Object.assign(button.dataset, data);
    button.append(...parts);
    item.append(button);
    return item;
  }

  main.addEventListener("click", (event) => {
    const button = event.target.closest?.(".pick, .assign, .transfer, .release");
    const card = button?.closest(".card");
    if (!card) return;
    if (button.matches(".pick")) pick(card);
    else if (button.matches(".assign")) choosePerson(card);
    else if (button.matches(".transfer")) choosePool(card);
    else release(card);
  });
  main.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.(".card[data-ticket]")) choosePerson(event.target);
  });
  chooser.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    chooser.close();
    const card = cardOf(chosen);
    if (card && button.dataset.technician) assign(card, button.dataset.technician);
    if (card && button.dataset.pool) transfer(card, button.dataset.pool);
  });
})();
