"""The whole stack on this machine, without containers.

A real Kafka, a real Redis, a real mail server and the five services, each a process of its own, listening on loopback
addresses alone. `python -m deploy.local up` leaves them running; tests and the demo use the same parts as a library.

Reading order: `stack` (what runs together), then `kafka`, `redis`, `mail`, `services` (one part each), then what they
stand on: `server`, `processes`, `waiting`, `ports`, `java`, `jars`, `folders`.
"""
