"""Business time, policies and verdicts; pure: time is an argument, and nothing here reads, writes or logs.

Reading order: `instants` (the unit of time), `calendar` (open time; `calendar_form` reads its data), `facts` (what
happened), `clocks` (which facts start and stop what), `policy` (what is promised, with `conditions`, `steps` and
`ladder`), `cycle` and `cycles` (which clocks ran when), `targets` (what they say), `changes`, `climb` and `progress`
(what of it is told, once), `condense` (what is let go), `reading` (what events mean), `surge` (many breaches, one
alarm), `window` (sums that slide).
"""
