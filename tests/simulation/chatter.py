"""Customers who only write, to the small counting topology of the contract suite: among them those who break things.

It stands beside the product's topologies because its faults are to order: records that can't be decoded, handlers and
timers that raise, outputs too large, records that the brokers refuse.
"""

from __future__ import annotations

from typing import Final

from schemas.dead_letters import Reason
from schemas.topics import Topic
from schemas.vocabulary import Channel
from schemas.ticket_commands import AddCustomerMessage
from tests.simulation.world import World
from tests.topology.counting import HUGE, POISON, POISON_TIMER, Counting, message

HOUR: Final = 3600.0
TICKETS: Final = 6
MESSAGES: Final = 40
REFUSED: Final = "refuse what comes of this, please"
UNDECODABLE: Final = b"\xff not json"
BAD: Final = 0.12
SERVICE: Final = "counting"
TOPICS: Final = tuple(
    Topic(f"{SERVICE}.{name}", "ticket id", "simulation", name)
    for name in ("commands", "counts", "reminders", "changelog", "dlq")
)
COUNTING: Final = Counting(SERVICE, *TOPICS, remind_seconds=900.0)


class Chatter:
    """Writes `MESSAGES` messages about `TICKETS` tickets in the first hours; `bad` says what is wrong with some."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sent = 0
        self.bad: dict[tuple[str, int, int], Reason] = {}
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
        reason = world.random.choice((Reason.UNDECODABLE, Reason.UNDECIDABLE, Reason.OUTPUT_TOO_LARGE, None, POISON_TIMER))
        if reason is Reason.UNDECODABLE:
            world.cluster.send(COUNTING.commands.name, ticket.encode(), UNDECODABLE)
        else:
            bodies = {Reason.UNDECIDABLE: POISON, Reason.OUTPUT_TOO_LARGE: HUGE, None: REFUSED}
            self._send(ticket, number, bodies.get(reason, POISON_TIMER))  # type: ignore[call-overload]
            if reason is POISON_TIMER:
                # A later message is parked behind the timer that raised; once redriven it sets the timer anew.
                world.after(2 * HOUR, 3 * HOUR, lambda: self._send(ticket, MESSAGES + number, "better now"))

    def _send(self, ticket: str, number: int, body: str) -> None:
        data: AddCustomerMessage = message(ticket, body, f"m-{number}")
        self.sent += 1
        self._world.send(COUNTING.commands, ticket, data, f"message-{number}")
