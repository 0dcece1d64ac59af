"""`python -m services.sla_monitor what-if`: replay history under a proposed policy, and say what would have changed.

Reading order: `command` (the command line), `source` (history out of Kafka or a file), `proposal` (the terms of both
sides), `replay` (histories judged on both sides), `report` (what came of it, as JSON has it), then how it is shown:
`words`, `terminal`, `plots`, `page`. It reads only: no group, no commit, no topic, nothing live is written.
"""
