"""The outside edges of intake that are no HTTP: what Redis and a mailbox hold.

Reading order: `rule_file`, `keys` (what stands where), `threads` (what Redis knows of a thread), `profiles` (which
customer writes), `requests` (into Kafka), `mail` (a mailbox into requests), `read_model` (topics into Redis), `lease`
(one instance at a time).
"""
