"""Customers who only write, to the small counting topology of the contract suite: among them those who break things.

It stands beside the product's topologies because its faults are to order: records that can't be decoded, handlers and
timers that raise, outputs too large, records that the brokers refuse.
"""

from __future__ import annotations

from typing import Final

from schemas.topics import Topic
from tests.simulation.world import World
from tests.topology.counting import HUGE, POISON, POISON_TIMER, Counting, message

HOUR: Final = 3600.0
TICKETS: Final = 6
MESSAGES: Final = 40
REFUSED: Final = "refuse what comes of this, please"
UNDECODABLE: Final = b"\xff not json"
BAD: Final = 0.12
SERVICE: Final = "counting"
COMMANDS, COUNTS, REMINDERS, CHANGELOG, LETTERS, RETRIES = TOPICS = tuple(
    Topic(f"{SERVICE}.{name}", "ticket id", "simulation", name)
    for name in ("commands", "counts", "reminders", "changelog", "dlq", "retry")
)
COUNTING: Final = Counting(SERVICE, COMMANDS, COUNTS, REMINDERS, CHANGELOG, LETTERS, RETRIES, remind_seconds=900.0)
BAD_BODIES: Final = (POISON, HUGE, REFUSED, POISON_TIMER)


class Chatter:
    """Writes `MESSAGES` messages about `TICKETS` tickets in the first hours; some of them break something."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.cluster.refuses = lambda topic, value: (
            topic == COUNTING.changelog.name and value is not None and REFUSED.encode() in value
        )
        for number in range(MESSAGES):
            world.after(0, 5 * HOUR, lambda number=number: self._write(number))  # type: ignore[misc]

    def _write(self, number: int) -> None:
        world = self._world
        ticket = f"T-{world.random.randrange(TICKETS)}"
        if world.random.random() >= BAD:
            self._send(ticket, number, "still broken")
            return
        body = world.random.choice((None, *BAD_BODIES))
        if body is None:
            world.cluster.send(COMMANDS.name, ticket.encode(), UNDECODABLE)
            return
        self._send(ticket, number, body)
        if body == POISON_TIMER:
            # A later message is parked behind the timer that raised; once redriven it sets the timer anew.
            world.after(2 * HOUR, 3 * HOUR, lambda: self._send(ticket, MESSAGES + number, "better now"))

    def _send(self, ticket: str, number: int, body: str) -> None:
        data = message(ticket, body, f"m-{number}")
        self._world.send(COUNTING.commands, ticket, data, f"message-{number}")
