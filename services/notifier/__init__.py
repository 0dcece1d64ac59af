"""Tells people what happens to a ticket, and sees each message through to its end.

Two processors: `notifier.notify` reads `ticket.events` and `ticket.sla` and decides who is told what;
`notifier.delivery` makes each of these deliveries, through senders that live outside of its transactions.

Reading order: `rules/audience.yaml` (who is told at which node) and `templates/` (what they read), `domain` (the
decisions), `state`, `handlers.news` → `handlers.notify` → `handlers.bundling` (what goes out together) →
`handlers.delivery`, `adapters.sender` → `adapters.email` (how mail leaves), `settings`, `app` (wiring).

In this form mail is the only medium; rules that name another are refused at start. Preferences and quiet hours come
later.
"""
