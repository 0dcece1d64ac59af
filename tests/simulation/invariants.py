"""What must hold once a simulated world has settled. Looks at the log as plain JSON, at the states, at the replay."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from schemas.dead_letters import Reason
from schemas.topics import DEAD_LETTERS, TICKET_EVENTS, TICKET_SLA, TICKET_SNAPSHOTS, TOPICS
from services._runtime.engine.records import Output
from services._runtime.engine.topology import Topology
from services._runtime.kafka.clients import REDRIVE_HEADER
from tests.simulation.chatter import COUNTING, REFUSED, UNDECODABLE, Chatter
from tests.simulation.machine import Machine
from tests.simulation.people import People
from tests.simulation.replay import Replay
from tests.simulation.vandal import Vandal
from tests.simulation.world import World
from tests.topology.counting import HUGE, POISON, POISON_TIMER

ENDED: Final = frozenset({"closed", "cancelled", "merged"})
HELD: Final = frozenset({"assigned", "in_progress", "pending", "on_hold", "in_review"})
OUTSIDE_TOPICS: Final = frozenset(
    {"intake.requests", "ticket.commands", "routing.work", "notifier.results", "feedback.answers"}
)
LETTER: Final = "aftercare.dead_letter.v1"


@dataclass
class Settled:
    """A world that has come to rest, with everybody in it."""

    world: World
    topologies: Sequence[Topology[Any]]
    people: People
    chatter: Chatter
    vandal: Vandal
    lines: list[str] = field(default_factory=list)

    @cached_property
    def replays(self) -> dict[str, Replay]:
        """Each processor's committed batches, decided again."""
        world = self.world
        return {each.name: Replay(world.cluster, each, world.journal) for each in self.topologies}

    def events(self, topic: str, *, redriven: bool = True) -> Iterator[dict[str, Any]]:
        """Yield the events of a topic as JSON, leaving out what is none, partition by partition.

        Without `redriven` the copies that the operator made for one processor, which carry a header, are left out.
        """
        for stored in self.world.cluster.committed(topic):
            if not redriven and any(name == REDRIVE_HEADER for name, _ in stored.headers):
                continue
            if stored.value is not None and stored.value.startswith(b"{"):
                yield json.loads(stored.value)


def violations(settled: Settled) -> list[str]:
    """Return one line for each broken promise; an empty list is what is wanted."""
    lines = [line for machine in settled.world.machines for line in machine.troubles]
    for check in (
        _everything_settled,
        _nothing_is_lost_or_repeated,
        _sequences_are_whole,
        _the_replay_agrees,
        _states_are_the_same_everywhere,
        _timers_have_fired,
        _dead_letters_are_explained,
        _load_is_what_is_held,
        _verdicts_are_not_early,
    ):
        lines += check(settled)
    return lines


def _everything_settled(settled: Settled) -> Iterator[str]:
    """Liveness: machines run, own every partition once, have read everything, and nothing is open."""
    world = settled.world
    yield from (f"{writer} has a transaction open" for writer in world.cluster.transactions.open_transactions())
    for topology in settled.topologies:
        machines = [each for each in world.machines if each.topology is topology and each.running]
        yield from (f"{each.name} is not ready" for each in machines if not each.ready)
        owned = Counter(partition for each in machines if each.engine for partition in each.engine.partitions)
        if owned != Counter(range(world.cluster.partitions)):
            yield f"{topology.name}: partitions are owned {dict(owned)}"
        offsets = world.cluster.group(topology.name).offsets
        for topic in topology.inputs:
            for log in world.cluster.topics[topic.name]:
                last = max((stored.offset for stored in log.committed()), default=-1)
                committed = offsets.get((topic.name, log.number))
                if last >= 0 and (committed is None or committed.offset != last + 1):
                    yield f"{topology.name}: {topic.name}/{log.number} is committed up to {committed}, ends at {last}"


def _nothing_is_lost_or_repeated(settled: Settled) -> Iterator[str]:
    """What was asked for became a ticket; topics that processors alone write hold each id once."""
    opened = {event["subject"] for event in settled.events(TICKET_EVENTS.name)}
    yield from (f"{ticket} was requested and never opened" for ticket in sorted(settled.people.requested - opened))
    yield from (f"{ticket} was never requested" for ticket in sorted(opened - settled.people.requested))
    own = [topic.name for topic in TOPICS if topic.name not in OUTSIDE_TOPICS and not topic.compacted]
    for topic in (*own, COUNTING.counts.name, COUNTING.reminders.name, COUNTING.dead_letters.name):
        ids = Counter(event["id"] for event in settled.events(topic, redriven=False))
        yield from (f"{topic}: id {each} {number} times" for each, number in ids.items() if number > 1)


def _sequences_are_whole(settled: Settled) -> Iterator[str]:
    """Each ticket counts 1, 2, 3 … in the order of its partition, and ends."""
    status: dict[str, str] = {}
    for topic in (TICKET_EVENTS.name, COUNTING.counts.name):
        sequences: defaultdict[str, list[int]] = defaultdict(list)
        for event in settled.events(topic, redriven=False):
            sequences[event["subject"]].append(event["data"]["sequence"])
            status[event["subject"]] = event["data"]["status"]
        for ticket, numbers in sorted(sequences.items()):
            if numbers != list(range(1, len(numbers) + 1)):
                yield f"{topic}: {ticket} has the sequence {numbers}"
    for ticket in sorted(settled.people.requested - settled.people.kept_open):
        if status.get(ticket) not in ENDED:
            yield f"{ticket} ends as {status.get(ticket)}"


def _the_replay_agrees(settled: Settled) -> Iterator[str]:
    """Each record was taken once and in order, and what was written is what deciding without faults writes."""
    written: Counter[Output] = Counter()
    for replay in settled.replays.values():
        yield from replay.lines
        written += replay.written
    cluster = settled.world.cluster
    there: Counter[Output] = Counter()
    for topic in cluster.topics:
        if topic.endswith(".changelog"):
            continue
        there.update(
            Output(topic, stored.key or b"", stored.value)
            for stored in cluster.committed(topic)
            if stored.transaction is not None
        )
    yield from (f"{output.topic}: lost {output.key!r} {output.value!r}" for output in written - there)
    yield from (f"{output.topic}: nobody decided {output.key!r} {output.value!r}" for output in there - written)


def _states_are_the_same_everywhere(settled: Settled) -> Iterator[str]:
    """What is in memory is what the changelog gives back and what deciding everything again comes to."""
    cluster = settled.world.cluster
    for topology in settled.topologies:
        engine = settled.replays[topology.name].engine
        for machine in _owners(settled, topology):
            assert machine.engine is not None
            for partition, state in machine.engine.partitions.items():
                restored = engine.new_partition(partition)
                for stored in cluster.topics[topology.changelog.name][partition].committed():
                    restored.restore((stored.key or b"").decode(), stored.value)
                replayed = engine.partitions[partition]
                if (state.entries, state.parked) != (restored.entries, restored.parked):
                    yield f"{machine.name}/{partition}: the changelog does not give the state back"
                if (state.entries, state.parked) != (replayed.entries, replayed.parked):
                    yield f"{machine.name}/{partition}: the state is not what its input comes to"


def _timers_have_fired(settled: Settled) -> Iterator[str]:
    """No timer is overdue: one that was forgotten would be."""
    now = settled.world.now
    for topology in settled.topologies:
        for partition, state in settled.replays[topology.name].engine.partitions.items():
            for key, entry in state.entries.items():
                for timer in entry.timers:
                    if timer.due_at < now and key not in state.parked:
                        yield f"{topology.name}/{partition}: {timer} of {key} never fired, it is {now}"


def _dead_letters_are_explained(settled: Settled) -> Iterator[str]:
    """A letter for each record that can't be processed, none without cause, and in the end none waits."""
    for topic in (each.name for each in DEAD_LETTERS.values()):
        blamed: set[tuple[str, str]] = set()
        for event in settled.events(topic):
            if "source_topic" not in event["data"]:
                continue
            data = event["data"]
            if data["reason"] != Reason.PARKED.value:
                blamed.add((data["processor"], data["key"]))
        for event in settled.events(topic):
            data = event["data"]
            if "source_topic" in data and not _is_explained(settled, data, blamed):
                yield f"{topic}: a letter without cause, {event['id']}: {data['error']} {data['message']}"
    for topology in settled.topologies:
        letters = [event["data"] for event in settled.events(topology.dead_letters.name) if "source_topic" in event["data"]]
        set_aside = {(each["source_topic"], each["source_partition"], each["source_offset"]) for each in letters if each["processor"] == topology.name}
        for topic in topology.inputs:
            for log in settled.world.cluster.topics[topic.name]:
                for stored in log.committed():
                    if _is_bad(stored.value) and (topic.name, log.number, stored.offset) not in set_aside:
                        yield f"{topology.name}: {topic.name}/{log.number}/{stored.offset} was swallowed"
        for partition, state in settled.replays[topology.name].engine.partitions.items():
            yield from (f"{topology.name}/{partition}: {key} is still parked" for key in state.parked)


def _is_bad(value: bytes | None) -> bool:
    return value is not None and (value.startswith(UNDECODABLE) or any(text.encode() in value for text in (POISON, HUGE)))


def _is_explained(settled: Settled, letter: dict[str, Any], blamed: set[tuple[str, str]]) -> bool:
    place = letter["source_topic"], letter["source_partition"], letter["source_offset"]
    match letter["reason"]:
        case Reason.PARKED.value:
            return (letter["processor"], letter["key"]) in blamed
        case Reason.TIMER_RAISED.value:
            return bool(letter["message"] == POISON_TIMER)
        case _:
            stored = next(settled.world.cluster.topics[place[0]][place[1]].entries(place[2], place[2] + 1))
            # A state that the brokers refuse may have been replaced within its batch: then there is no letter.
            return _is_bad(stored.value) or REFUSED.encode() in (stored.value or b"")


def _load_is_what_is_held(settled: Settled) -> Iterator[str]:
    """The router's load is what the ledger's tickets say their technicians hold."""
    held: set[tuple[str, str]] = set()
    for state in settled.replays["router.pools"].engine.partitions.values():
        for key, entry in state.entries.items():
            if type(entry.state).__name__ == "Held":
                held.add((key.rpartition("/")[2], entry.state.technician_id))
            elif type(entry.state).__name__ == "Waiting":
                yield f"{key} still waits for somebody"
    now: dict[str, dict[str, Any]] = {}
    for event in settled.events(TICKET_SNAPSHOTS.name):
        now[event["subject"]] = event["data"]
    told = {(ticket, data["technician_id"]) for ticket, data in now.items() if data["status"] in HELD}
    yield from (f"{ticket} weighs on {technician}, who does not hold it" for ticket, technician in held - told)
    yield from (f"{technician} holds {ticket}, which weighs on nobody" for ticket, technician in told - held)


def _verdicts_are_not_early(settled: Settled) -> Iterator[str]:
    """Nothing is called a breach before it was due."""
    for event in settled.events(TICKET_SLA.name):
        data = event["data"]
        if event["type"].split(".")[2] == "target_breached" and data["due_at"] is not None:
            if data["decided_at"] < data["due_at"]:
                yield f"{event['id']} was decided at {data['decided_at']}, before {data['due_at']}"


def _owners(settled: Settled, topology: Topology[Any]) -> list[Machine]:
    return [each for each in settled.world.machines if each.topology is topology and each.engine and each.running]
