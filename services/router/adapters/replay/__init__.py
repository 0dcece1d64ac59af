"""What the router decided, decided again from its logs.

`journal` holds what it said (`ticket.assignments`) and its turns (`routing.turns`), `player` runs the very topology
over what it was told (`routing.work`) in these turns, `why` catches one decision in the act and shows everyone that it
looked at, `source` reads the logs from Kafka or a file. Nothing live is written.
"""
