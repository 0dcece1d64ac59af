"""Asks customers how it was, and hands low ratings back to whoever can make it good.

Reads `ticket.events` and `feedback.answers` by ticket and writes `ticket.feedback`. Answers come in over its own survey
page; the link to it is signed and sent by the notifier.

Reading order: `domain` (`policy`, then a survey's way: `eligibility`, `survey`, `rating`, `review`), `state`,
`handlers` (what each event and timer changes), `api` (the survey page), `settings`, `app` (wiring).
"""
