"""What must hold once a simulated world has settled. Looks at the log as plain JSON, at the states, at the replay."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from schemas.topics import RETRIES, TICKET_EVENTS, TICKET_SLA, TICKET_SNAPSHOTS, TOPICS
from services._runtime.engine.engine import TooManyDeadLettersError
from services._runtime.engine.records import Output
from services._runtime.engine.topology import Topology
from services._runtime.processor import redrive
from tests.simulation.attained import reports_are_what_verdicts_come_to
from tests.simulation.chatter import COUNTING
from tests.simulation.letters import dead_letters_are_explained
from tests.simulation.machine import Machine
from tests.simulation.settled import Settled
from tests.simulation.turns import turns_reproduce_the_assignments

ENDED: Final = frozenset({"closed", "cancelled", "merged"})
HELD: Final = frozenset({"assigned", "in_progress", "pending", "on_hold", "in_review"})
OUTSIDE_TOPICS: Final = frozenset(
    {"intake.requests", "ticket.commands", "routing.work", "notifier.results", "feedback.answers"}
)
LETTER: Final = "aftercare.dead_letter.v1"


def violations(settled: Settled) -> list[str]:
    """Return one line for each broken promise; an empty list is what is wanted."""
    lines = [line for machine in settled.world.machines for line in machine.troubles]
    try:
        settled.replays  # noqa: B018 - decided again here, once for all checks
    except TooManyDeadLettersError as error:
        return [*lines, f"deciding again stops, which no processor did: {error}"]
    for check in (
        _everything_settled,
        _nothing_is_lost_or_repeated,
        _sequences_are_whole,
        _the_replay_agrees,
        _states_are_the_same_everywhere,
        _timers_have_fired,
        dead_letters_are_explained,
        _load_is_what_is_held,
        _verdicts_are_not_early,
        turns_reproduce_the_assignments,
        reports_are_what_verdicts_come_to,
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
        for topic in topology.sources:
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
    sent_again = {topic.name for topic in RETRIES.values()}
    own = [topic.name for topic in TOPICS if topic.name not in OUTSIDE_TOPICS | sent_again and not topic.compacted]
    for topic in (*own, COUNTING.counts.name, COUNTING.reminders.name, COUNTING.dead_letters.name):
        ids = Counter(event["id"] for event in settled.events(topic))
        yield from (f"{topic}: id {each} {number} times" for each, number in ids.items() if number > 1)


def _sequences_are_whole(settled: Settled) -> Iterator[str]:
    """Each ticket counts 1, 2, 3 … in the order of its partition, and ends."""
    status: dict[str, str] = {}
    for topic in (TICKET_EVENTS.name, COUNTING.counts.name):
        sequences: defaultdict[str, list[int]] = defaultdict(list)
        for event in settled.events(topic):
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
            if stored.transaction is not None and not stored.transaction.writer.startswith(redrive.CLIENT_ID)
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
    """Nothing is called a breach before it was due, unless the event that was read says that it stopped later.

    Such an event comes from a machine whose clock is ahead: verdicts go by what events say.
    """
    for event in settled.events(TICKET_SLA.name):
        data = event["data"]
        if event["type"].split(".")[2] != "target_breached" or data["due_at"] is None:
            continue
        due_at, stopped_at = _instant(data["due_at"]), data.get("stopped_at")
        is_early = _instant(data["decided_at"]) < due_at
        is_proven = stopped_at is not None and _instant(stopped_at) > due_at
        if is_early and not (is_proven and stopped_at.encode() in _input_at(settled, data["position"])):
            yield f"{event['id']} was decided at {data['decided_at']}, before {data['due_at']}"


def _input_at(settled: Settled, position: str) -> bytes:
    """The record at a position; nothing where it names a timer."""
    if position.startswith("timer/"):
        return b""
    topic, partition, offset = position.rsplit("/", 2)
    stored = next(settled.world.cluster.topics[topic][int(partition)].entries(int(offset), int(offset) + 1))
    return stored.value or b""


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _owners(settled: Settled, topology: Topology[Any]) -> list[Machine]:
    return [each for each in settled.world.machines if each.topology is topology and each.engine and each.running]
