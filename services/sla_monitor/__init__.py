"""The SLA monitor: reads `ticket.events` and `ticket.notifications`, tells on `ticket.sla` what the clocks say.

Reading order: `domain/` (its docstring gives the order inside), `state` (what is kept of a ticket), `settings`,
`handlers` (load, decide, emit: the topology), `adapters/` (packaged policies, the directory, `check`, `explain`,
metrics), `app`.
"""
