"""Proposes who works on a ticket; the ledger disposes.

Reads `routing.work` by pool and writes `ticket.assignments`. One partition owns a pool's technicians, queue and load,
so assignments need no lock: they follow from the log, and the same log gives the same assignments.

Reading order: `domain` (who gets which work), `state` (what is kept, and the view that decisions look at), `handlers`
(what each event changes), `settings`, `api` and `adapters` (the directory, presence, the board and its view; `replay`
and `what_if` look back), `app` (wiring). What a pool may decide by is data: docs/routing.md.

Work is taken off people by the ledger alone: the router asks for it when someone is gone for too long.
"""
