"""Every channel in, tickets out: gateways, the normaliser, the ledger, and the read model that others look at.

One way in: gateways put what arrived on `intake.requests`, the normaliser makes commands of it, and the ledger, the one
writer of a ticket's life, carries them out or refuses them with a reason. Everyone else takes a ticket's status from
`ticket.events`, the read model included.

Reading order: `domain` (its docstring gives the order within), `state` (what the processors keep), `handlers` (the two
topologies), `settings`, `adapters` and `api` (gateways, read model, pages), `app` (wiring), `__main__`.
"""
