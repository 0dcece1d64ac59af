"""Every dead letter is explained, and none is missing: what was bad is known from its bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from schemas.dead_letters import Reason
from schemas.topics import DEAD_LETTERS
from services._runtime.engine.topology import Topology
from tests.simulation.chatter import REFUSED, UNDECODABLE
from tests.simulation.settled import Settled
from tests.topology.counting import HUGE, POISON, POISON_TIMER

Letter = dict[str, Any]


def dead_letters_are_explained(settled: Settled) -> Iterator[str]:
    """A letter for each record that can't be processed, none without cause, and in the end no key waits."""
    for topic in DEAD_LETTERS.values():
        letters = _letters(settled, topic.name)
        blamed = {(each["processor"], each["key"]) for each in letters if each["reason"] != Reason.PARKED.value}
        for letter in letters:
            if not _is_explained(settled, letter, blamed):
                yield f"{topic.name}: a letter without cause, {letter['key']}: {letter['error']} {letter['message']}"
    for topology in settled.topologies:
        yield from _swallowed(settled, topology)
        yield from _sent_again_otherwise_than_noted(settled, topology)
        for partition, state in settled.replays[topology.name].engine.partitions.items():
            yield from (f"{topology.name}/{partition}: {key} is still parked" for key in state.parked)


def _swallowed(settled: Settled, topology: Topology[Any]) -> Iterator[str]:
    set_aside = {
        (each["source_topic"], each["source_partition"], each["source_offset"])
        for each in _letters(settled, topology.dead_letters.name)
        if each["processor"] == topology.name
    }
    for topic in topology.sources:
        for log in settled.world.cluster.topics[topic.name]:
            for stored in log.committed():
                if _is_bad(stored.value) and (topic.name, log.number, stored.offset) not in set_aside:
                    yield f"{topology.name}: {topic.name}/{log.number}/{stored.offset} was swallowed"


def _sent_again_otherwise_than_noted(settled: Settled, topology: Topology[Any]) -> Iterator[str]:
    """Each dead letter is sent again once, however often the command was interrupted: so a key can count them."""
    assert topology.retries is not None
    sent = Counter((stored.key or b"").decode() for stored in settled.world.cluster.committed(topology.retries.name))
    noted = Counter(
        event["data"]["key"]
        for event in settled.events(topology.dead_letters.name)
        if event["data"].get("letter_id", "").startswith(f"{topology.name}/")
    )
    for key in sorted(sent | noted):
        if sent[key] != noted[key]:
            yield f"{topology.name}: {key} was sent {sent[key]} records for {noted[key]} dead letters"


def _letters(settled: Settled, topic: str) -> list[Letter]:
    """The letters on a dead-letter topic, without the operator's notes on them."""
    return [event["data"] for event in settled.events(topic) if "source_topic" in event["data"]]


def _is_bad(value: bytes | None) -> bool:
    return value is not None and (
        value.startswith(UNDECODABLE) or any(text.encode() in value for text in (POISON, HUGE))
    )


def _is_explained(settled: Settled, letter: Letter, blamed: set[tuple[str, str]]) -> bool:
    match letter["reason"]:
        case Reason.PARKED.value:
            return (letter["processor"], letter["key"]) in blamed
        case Reason.TIMER_RAISED.value:
            return bool(letter["message"] == POISON_TIMER)
        case _:
            log = settled.world.cluster.topics[letter["source_topic"]][letter["source_partition"]]
            stored = next(log.entries(letter["source_offset"], letter["source_offset"] + 1))
            # A state that the brokers refuse may have been replaced within its batch: then there is no letter.
            return _is_bad(stored.value) or REFUSED.encode() in (stored.value or b"")
