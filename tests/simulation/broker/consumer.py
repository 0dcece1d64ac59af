"""The consumer: reads partitions, and is a member of a group if it subscribes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from tests.simulation.broker.cluster import Cluster
from tests.simulation.broker.errors import STATE, plain, retriable
from tests.simulation.broker.groups import Member, Membership
from tests.simulation.broker.message import Message
from tests.simulation.broker.partition_log import PartitionLog
from tests.simulation.sights import Sight

OFFSET_INVALID: Final = -1001
BATCH_RECORDS_BOUND: Final = 10_000
"""More a member may not ask for: what it holds in memory at once is bounded."""
FEW_RECORDS: Final = (1, 3, 20, 200)
NOT_YET_ASSIGNED: Final = 0.05

Place = tuple[str, int]
Callback = Callable[["SimulatedConsumer", list[TopicPartition]], None]


class _Reading:
    """How far a partition was read, and up to where its end was told."""

    __slots__ = ("log", "paused", "position", "told_end")

    def __init__(self, log: PartitionLog, position: int) -> None:
        self.log = log
        self.position = position
        self.paused = False
        self.told_end = -1


class SimulatedConsumer:
    """Looks like `confluent_kafka.Consumer`, as far as processors and operators use it. Only waiting takes time."""

    def __init__(self, cluster: Cluster, config: dict[str, Any]) -> None:
        self._cluster = cluster
        self._config = config
        self._process = cluster.current
        self._life = cluster.current.life if cluster.current is not None else 0
        self._group = cluster.group(config["group.id"])
        self._read_committed = config.get("isolation.level", "read_committed") == "read_committed"
        self._tells_ends = bool(config.get("enable.partition.eof"))
        self._reading: dict[Place, _Reading] = {}
        self._topics: tuple[str, ...] = ()
        self._on_assign: Callback | None = None
        self._on_revoke: Callback | None = None
        self.member_id: str | None = None
        self._generation = -1

    # ── membership ──────────────────────────────────────────────────────────────────────────────────────────────

    def subscribe(self, topics: Sequence[str], *, on_assign: Callback, on_revoke: Callback, on_lost: Callback) -> None:
        """Join the group; the assignment comes by a later `consume`."""
        del on_lost  # the processor does the same for both
        self._cluster.point("subscribe")
        self._topics = tuple(topics)
        self._on_assign, self._on_revoke = on_assign, on_revoke
        if self._process is not None:
            self._process.member = self
        self._join()

    def consumer_group_metadata(self) -> Membership:
        """The membership that the client believes in; none once it has heard that it was expelled."""
        if self.member_id is None or self.member_id not in self._group.members:
            return Membership(self._group.name, "", -1)
        return Membership(self._group.name, self.member_id, self._generation)

    def fall_silent(self) -> None:
        """The process stands still or is dead: no heartbeats."""
        if self.member_id is not None:
            self._group.fall_silent(self.member_id)

    def speak_again(self) -> None:
        """The process goes on; what it has missed it learns at its next call."""
        if self.member_id is not None:
            if self.member_id not in self._group.members:
                self._cluster.time.seen[Sight.EXPELLED] += 1
            self._group.speak_again(self.member_id)

    def close(self) -> None:
        """Give the partitions back and leave."""
        self._cluster.point("leave")
        if self.member_id is not None:
            self._give_back()
            self._group.leave(self.member_id)
            self.member_id = None
        self.unassign()

    def has_work(self) -> bool:
        """Whether a poll would hand something out, or take part in a rebalance."""
        if self.member_id is None:
            return False
        member = self._group.members.get(self.member_id)
        if member is None:
            return True
        if self._group.preparing:
            return not member.joined
        if self._generation != self._group.generation:
            return True
        return any(not each.paused and self._has_news(each) for each in self._reading.values())

    def _join(self) -> None:
        process = self._process
        tell = process.tell if process is not None else lambda: None
        seconds = self._config["session.timeout.ms"] / 1000
        self._generation = -1
        self.member_id = self._group.join(Member(self._config["client.id"], self._topics, seconds, tell))

    def _serve_group(self) -> bool:
        """Take part in a rebalance; tell whether a callback was called."""
        if self.member_id is None:
            return False
        member = self._group.members.get(self.member_id)
        if member is None:
            self._give_back()
            self._join()
            return True
        if self._group.preparing:
            if not member.joined:
                self._give_back()
                self._group.join_again(self.member_id)
                return True
            return False
        if self._generation != self._group.generation:
            self._generation = self._group.generation
            assert self._on_assign is not None
            self._on_assign(self, [TopicPartition(topic, partition) for topic, partition in member.places])
            return True
        return False

    def _give_back(self) -> None:
        if self._generation >= 0 and self._on_revoke is not None:
            self._on_revoke(self, [TopicPartition(topic, partition) for topic, partition in self._reading])
        self._generation = -1

    # ── positions ───────────────────────────────────────────────────────────────────────────────────────────────

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read these partitions from the offsets given."""
        self.unassign()
        topics = self._cluster.topics
        self._reading = {
            (each.topic, each.partition): _Reading(topics[each.topic][each.partition], _position(each.offset))
            for each in partitions
        }
        if self._process is not None:
            self._cluster.listen(self._assigned_topics(), self)

    def unassign(self) -> None:
        """Read nothing."""
        self._cluster.ignore(self._assigned_topics(), self)
        self._reading = {}

    def news(self, topic: str, partition: int) -> None:
        """Wake the process, if what is new is on a partition that it reads."""
        if self._process is None or self._process.life != self._life:
            self.unassign()
            return
        reading = self._reading.get((topic, partition))
        if reading is not None and not reading.paused:
            self._process.tell()

    def _assigned_topics(self) -> list[str]:
        return sorted({topic for topic, _ in self._reading})

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Hand out nothing of these until they are resumed."""
        for each in partitions:
            self._reading[each.topic, each.partition].paused = True

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Undo `pause`."""
        for each in partitions:
            self._reading[each.topic, each.partition].paused = False

    def seek(self, place: TopicPartition) -> None:
        """Go on from another offset; right after an assignment the client may say that it has not taken it in."""
        if self._process is not None and self._cluster.time.random.random() < NOT_YET_ASSIGNED:
            raise plain(STATE, "not assigned yet")
        reading = self._reading[place.topic, place.partition]
        reading.position = _position(place.offset)
        reading.told_end = -1

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        """What the group has committed, with the metadata of the commit.

        Under read_committed it waits for open transactions over these offsets.
        """
        self._cluster.point("stable offsets")
        self._cluster.busy()
        places = {(each.topic, each.partition) for each in partitions}
        group = self._group
        if self._read_committed and group.is_unstable(places):
            self._cluster.time.seen[Sight.UNSTABLE] += 1
        if self._read_committed and not self._cluster.time.wait(timeout, lambda: not group.is_unstable(places)):
            raise retriable(KafkaError.UNSTABLE_OFFSET_COMMIT)
        return [
            TopicPartition(topic, partition, found.offset, found.metadata)
            if found is not None
            else TopicPartition(topic, partition, OFFSET_INVALID)
            for topic, partition in sorted(places)
            for found in (group.offsets.get((topic, partition)),)
        ]

    def list_topics(self, topic: str, timeout: float) -> None:
        """Look up who leads: here nobody moves."""

    def get_watermark_offsets(self, place: TopicPartition, *, cached: bool) -> tuple[int, int]:
        """The first offset and the end."""
        del cached
        return 0, self._cluster.topics[place.topic][place.partition].end

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────

    def poll(self, timeout: float) -> Message | None:
        """One message, or None."""
        messages = self.consume(1, timeout)
        return messages[0] if messages else None

    def consume(self, num_messages: int, timeout: float) -> list[Message]:
        """Up to `num_messages` messages, from the partitions in an order of chance; callbacks are called in here."""
        if self.member_id is not None:
            assert num_messages <= BATCH_RECORDS_BOUND, f"asks for {num_messages} records at once"
        self._cluster.point("poll")
        if self._serve_group():
            self._cluster.busy()
            return []
        messages: list[Message] = []
        open_places = [each for each in self._reading.values() if not each.paused and self._has_news(each)]
        if self._process is not None:
            self._cluster.time.random.shuffle(open_places)
        for reading in open_places:
            left = num_messages - len(messages)
            if left <= 0:
                break
            most = left if self._process is None else min(left, self._cluster.time.random.choice(FEW_RECORDS))
            messages += self._messages(reading, most)
        if messages:
            self._cluster.busy()
            if len(open_places) > 1 and self.member_id is not None and _is_out_of_order(messages):
                self._cluster.time.seen[Sight.OTHER_ORDER] += 1
        elif self._process is not None:
            self._process.idle(timeout)
        return messages

    def _end(self, log: PartitionLog) -> int:
        return log.stable_end if self._read_committed else log.end

    def _has_news(self, reading: _Reading) -> bool:
        """Whether there may be a record, or the news of an end that was not told; most polls find neither."""
        position = reading.position
        return self._end(reading.log) > position or (self._tells_ends and reading.told_end != position)

    def _messages(self, reading: _Reading, most: int) -> list[Message]:
        log, end = reading.log, self._end(reading.log)
        messages: list[Message] = []
        for entry in log.entries(reading.position, end):
            if len(messages) >= most:
                return messages
            reading.position = entry.offset + 1
            aborted = entry.transaction is not None and entry.transaction.outcome is False
            if not entry.control and not (self._read_committed and aborted):
                messages.append(Message(log.topic, log.number, entry.offset, entry))
            elif not entry.control:
                self._cluster.time.seen[Sight.ABORTED_READ] += 1
        reading.position = max(reading.position, end)
        if self._tells_ends and len(messages) < most and reading.told_end != reading.position:
            reading.told_end = reading.position
            messages.append(Message(log.topic, log.number, reading.position, None))
        return messages


def _is_out_of_order(messages: list[Message]) -> bool:
    times = [message.timestamp()[1] for message in messages if message.error() is None]
    return times != sorted(times)


def _position(offset: int) -> int:
    return 0 if offset == OFFSET_BEGINNING else offset
