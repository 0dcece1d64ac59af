"""What must hold once a simulated world has settled. Looks at the log as plain JSON, and at the states."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Final

from schemas.topics import DEAD_LETTERS, TICKET_EVENTS, TICKET_SLA, TOPICS
from tests.simulation.machine import Machine
from tests.simulation.world import World

ENDED: Final = frozenset({"closed", "cancelled", "merged"})
GATEWAY_TOPICS: Final = frozenset(
    {"intake.requests", "ticket.commands", "routing.work", "notifier.results", "feedback.answers"}
)


def violations(world: World, requested: set[str]) -> list[str]:
    """Return one line for each broken promise; an empty list is what is wanted."""
    lines = [*_dead_letters(world), *_duplicate_ids(world), *_tickets(world, requested)]
    lines += _states(world.machines)
    lines += _assignments(world)
    lines += _clocks(world)
    return lines


def _dead_letters(world: World) -> list[str]:
    return [
        f"dead letter in {topic.name}: {event['data']}"
        for topic in DEAD_LETTERS.values()
        for event in world.log.events(topic.name)
    ]


def _duplicate_ids(world: World) -> list[str]:
    """Topics that processors alone write hold each id once; what gateways repeat stops at the processors."""
    lines: list[str] = []
    for topic in TOPICS:
        if topic.name in GATEWAY_TOPICS or topic.compacted:
            continue
        ids = Counter(event["id"] for event in world.log.events(topic.name))
        lines += [f"{topic.name}: id {each} {number} times" for each, number in ids.items() if number > 1]
    return lines


def _tickets(world: World, requested: set[str]) -> list[str]:
    sequences: defaultdict[str, list[int]] = defaultdict(list)
    status: dict[str, str] = {}
    for event in world.log.events(TICKET_EVENTS.name):
        sequences[event["subject"]].append(event["data"]["sequence"])
        status[event["subject"]] = event["data"]["status"]
    lines = [f"{ticket} was requested and never opened" for ticket in sorted(requested - set(sequences))]
    lines += [f"{ticket} was never requested" for ticket in sorted(set(sequences) - requested)]
    for ticket, numbers in sorted(sequences.items()):
        if numbers != list(range(1, len(numbers) + 1)):
            lines.append(f"{ticket}: sequence {numbers}")
        if status[ticket] not in ENDED:
            lines.append(f"{ticket} ends as {status[ticket]}")
    return lines


def _states(machines: list[Machine]) -> list[str]:
    """What is in memory is what the changelog gives back."""
    lines: list[str] = []
    for machine in machines:
        before = {each: dict(state.entries) for each, state in machine.engine.partitions.items()}
        machine.crash()
        after = {each: dict(state.entries) for each, state in machine.engine.partitions.items()}
        if before != after:
            lines.append(f"{machine.topology.name}: the restored state is not the one that was lost")
    return lines


def _assignments(world: World) -> list[str]:
    """Nobody holds anything once every ticket has ended."""
    router = next(machine for machine in world.machines if machine.topology.name == "router.pools")
    return [
        f"{key} is still {entry.state}"
        for state in router.engine.partitions.values()
        for key, entry in state.entries.items()
        if "/offer/" in key and type(entry.state).__name__ in {"Held", "Waiting"}
    ]


def _clocks(world: World) -> list[str]:
    """Nothing is told twice of one target, and nothing is warned or breached before it was due."""
    told: Counter[tuple[Any, ...]] = Counter()
    lines: list[str] = []
    for event in world.log.events(TICKET_SLA.name):
        data = event["data"]
        what = event["type"].split(".")[2]
        told[
            event["subject"], data["target"], data["cycle"], data["generation"], what, data.get("step"), event["id"]
        ] += 1
        if what == "target_breached" and data["due_at"] is not None and data["decided_at"] < data["due_at"]:
            lines.append(f"{event['id']} was decided at {data['decided_at']}, before {data['due_at']}")
    lines += [f"{each} was told {number} times" for each, number in told.items() if number > 1]
    return lines
