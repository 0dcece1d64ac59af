"""The contracts: which topics there are and what travels on them. Knows no service and no Kafka client.

Reading order: `vocabulary` and `parts` (the words), one module a topic (`ticket_events`, …), `topics` (all of them),
then the machinery: `contract` (how a type is declared), `envelope` (CloudEvents around it), `ids`, `partition`,
`catalog` and `generate` (samples, JSON Schema, AsyncAPI, compatibility).
"""
