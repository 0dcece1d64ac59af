"""What operators ask of a running system from a shell: how far behind, who works, what is wrong.

Reading order: `progress` (what Kafka knows of a processor), `lag` and `status` (show it), `findings` (what is wrong and
what to do, as pure functions), `doctor` (looks everywhere and prints them).
"""
