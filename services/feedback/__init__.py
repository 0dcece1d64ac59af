"""Asks customers how it was, and hands low ratings back to whoever can make it good.

Reads `ticket.events` and `feedback.answers` by ticket and writes `ticket.feedback`. Answers come in over its own survey
page; the link to it is signed and sent by the notifier. Beside that it brings the verdicts of `ticket.sla` together by
pool and day and reports on `pool.feedback` what was attained.

Reading order: `domain` (`policy`, then a survey's way: `eligibility`, `survey`, `rating`, `review`; `attainment`),
`state`, `handlers` (what each event and timer changes), `api` (the survey page), `settings`, `app` (wiring).
"""
