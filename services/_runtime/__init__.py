"""What every service stands on: the exactly-once processor, and the application around it.

Reading order, from the inside out:

- `engine`: what a processor is, as a value (`topology`), and what it decides for a batch, without any I/O; the
  synchronous test driver runs the same.
- `kafka`: clients, topics, and what the edges write and read with.
- `processor`: the loop that runs a topology on a real Kafka, exactly once.
- `directory`: customers, technicians, calendars and policies, known whole to every process.
- `view`: views in Redis that rebuild themselves from topics.
- `web`: what HTTP edges share: problems, tokens, the server.
- `hosting`: one Faust application a service, with all of the above in it.

`clock`, `settings`, `logs`, `metrics`, `tracing` and `redis_client` are for everyone.
"""
