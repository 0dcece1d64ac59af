"""Proposes who works on a ticket; the ledger disposes.

Reads `routing.work` by pool and writes `ticket.assignments`. One partition owns a pool's technicians, queue and load,
so assignments need no lock: they follow from the log, and the same log gives the same assignments.

Reading order: `domain` (who gets which work), `state` (what is kept, and the view that decisions look at), `handlers`
(what each event changes), `settings`, `app` (wiring).

In this form a technician who goes offline keeps what they hold, and nobody is asked to accept in time: taking work off
people is the ledger's, by withdrawing the offer. Reassignment, overflow to other pools and accept time-outs come later.
"""
