"""What has to be done so that a cluster's topics are as declared, as a value; and what must not be done.

Keyed state lives by the partition that a key is on. So a topic's partition count and what it is keyed by stay as they
were when it was made; retention and the other settings may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from schemas.topic_settings import broker_settings, partitions_of
from schemas.topics import Topic


class Note(msgspec.Struct, frozen=True):
    """What is remembered in the cluster about how a topic was made: Kafka itself does not know what keys mean."""

    key: str
    partitions: int


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the cluster has it; `settings` in Kafka's names, `replication` the copies of its first partition."""

    partitions: int
    replication: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. With `refusals`, nothing of it may be done."""

    create: tuple[Topic, ...] = ()
    change: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    note: Mapping[str, Note] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether the cluster is as declared."""
        return not (self.create or self.change or self.note or self.refusals)


def plan(topics: Iterable[Topic], found: Mapping[str, Found], notes: Mapping[str, Note], partitions: int) -> Plan:
    """Compare the declared topics with a cluster whose common partition count is to be `partitions`."""
    create: list[Topic] = []
    change: dict[str, dict[str, str]] = {}
    note: dict[str, Note] = {}
    refusals: list[str] = []
    for topic in topics:
        made = Note(topic.key, partitions_of(topic, partitions))
        there = found.get(topic.name)
        if there is None:
            create.append(topic)
        else:
            refusals += _refusals(topic, made, there, notes.get(topic.name))
            changed = _changed(topic, there)
            if changed:
                change[topic.name] = changed
        if notes.get(topic.name) != made:
            note[topic.name] = made
    return Plan(tuple(create), change, note, tuple(refusals))


def _refusals(topic: Topic, made: Note, there: Found, noted: Note | None) -> list[str]:
    found = []
    if there.partitions != made.partitions:
        found.append(
            f"{topic.name} has {there.partitions} partitions, {made.partitions} are declared: another count would move "
            f"keys away from their state. Keep AFTERCARE_PARTITIONS={there.partitions}, or begin a new cluster."
        )
    if noted is not None and noted.key != topic.key:
        found.append(
            f"{topic.name} was made with the key “{noted.key}”, “{topic.key}” is declared: its keys would move. "
            "Give the topic another name."
        )
    return found


def _changed(topic: Topic, there: Found) -> dict[str, str]:
    # By the copies it has, not those declared: more in-sync copies than there are would stop every writer.
    wanted = broker_settings(topic, there.replication)
    return {name: value for name, value in wanted.items() if there.settings.get(name) != value}
