"""Whoever writes bytes that are no events to the topics that the outside world writes."""

from __future__ import annotations

from typing import Final

from schemas.topics import FEEDBACK_ANSWERS, INTAKE_REQUESTS, NOTIFIER_RESULTS, ROUTING_WORK, TICKET_COMMANDS
from tests.simulation.chatter import UNDECODABLE
from tests.simulation.people import People
from tests.simulation.world import World

HOUR: Final = 3600.0
BLOWS: Final = 6
TOPICS: Final = (TICKET_COMMANDS, INTAKE_REQUESTS, ROUTING_WORK, NOTIFIER_RESULTS, FEEDBACK_ANSWERS)


class Vandal:
    """Writes a few records that can't be decoded, under keys that are in use where there are any."""

    def __init__(self, world: World, people: People) -> None:
        self._world = world
        self._people = people
        for _ in range(world.random.randint(0, BLOWS)):
            world.after(HOUR, 20 * HOUR, self._strike)

    def _strike(self) -> None:
        random = self._world.random
        topic = random.choice(TOPICS)
        tickets = sorted(self._people.requested)
        keys = tickets if topic in {TICKET_COMMANDS, FEEDBACK_ANSWERS} else [f"conversation-{n}" for n in range(4)]
        key = random.choice(keys) if keys else "nobody"
        self._world.cluster.send(topic.name, key.encode(), UNDECODABLE)
