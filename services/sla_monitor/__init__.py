"""The SLA monitor: reads `ticket.events`, tells on `ticket.sla` what each ticket's clocks say.

Reading order: `domain/` (its docstring gives the order inside), `state` (what is kept of a ticket), `settings`,
`handlers` (load, decide, emit: the topology), `adapters/` (packaged policies, the directory, `explain`), `app`.
"""
