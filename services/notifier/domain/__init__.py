"""What the notifier decides by, pure: no clock, no I/O, no random source.

Reading order: `nodes` (at which points of a ticket's life someone is told), `audience` (who, by rules that are data),
`addresses`, `bundling` (what goes out together), `deliveries` (what a delivery is called and what an attempt carries),
`content` (what a message says), `retry` (what follows from the outcome of an attempt).
"""
