"""The group coordinator: members and generations of the classic protocol, and what each group has committed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError

from tests.simulation.broker.timeline import Timeline
from tests.simulation.broker.transactions import Transaction

REBALANCE_SECONDS: Final = 60.0
"""Members that have not joined again by then are left out: the clients' `max.poll.interval.ms`."""

Place = tuple[str, int]


class Committed(NamedTuple):
    """An offset as it was committed."""

    offset: int
    metadata: str


class Membership(NamedTuple):
    """How a consumer proves its place in the group: what `consumer_group_metadata()` returns."""

    group: str
    member_id: str
    generation: int


class Member:
    """A member as its group sees it. `tell` wakes the process behind it."""

    __slots__ = ("client_id", "joined", "places", "session_seconds", "silences", "tell", "topics")

    def __init__(
        self, client_id: str, topics: tuple[str, ...], session_seconds: float, tell: Callable[[], None]
    ) -> None:
        self.client_id = client_id
        self.topics = topics
        self.session_seconds = session_seconds
        self.tell = tell
        self.joined = True
        self.silences = 0
        self.places: list[Place] = []


class Group:
    """One consumer group. While `preparing`, the old generation still holds; it ends when all have joined again."""

    def __init__(self, name: str, time: Timeline, partitions: int) -> None:
        self.name = name
        self.members: dict[str, Member] = {}
        self.generation = 0
        self.preparing = False
        self.offsets: dict[Place, Committed] = {}
        self._pending: dict[Transaction, dict[Place, Committed]] = {}
        self._time = time
        self._partitions = partitions
        self._numbers = count(1)
        self._rebalances = 0

    # ── members ─────────────────────────────────────────────────────────────────────────────────────────────────

    def join(self, member: Member) -> str:
        """Take in a new member and return its id."""
        member_id = f"{member.client_id}-{next(self._numbers)}"
        self.members[member_id] = member
        self._rebalance()
        return member_id

    def join_again(self, member_id: str) -> None:
        """A member has given up its partitions and waits for the next generation; too late if it was expelled."""
        member = self.members.get(member_id)
        if member is not None:
            member.joined = True
            self._complete_if_all_joined()

    def leave(self, member_id: str) -> None:
        """Let a member go; its partitions move at once."""
        if self.members.pop(member_id, None) is not None:
            self._rebalance()

    def fall_silent(self, member_id: str) -> None:
        """A member's heartbeats stop; it is expelled when its session is over, unless it was heard again."""
        member = self.members.get(member_id)
        if member is not None:
            member.silences += 1
            silence = member.silences
            self._time.after(member.session_seconds, lambda: self._expire(member_id, member, silence))

    def speak_again(self, member_id: str) -> None:
        """A member's heartbeats go on."""
        member = self.members.get(member_id)
        if member is not None:
            member.silences += 1

    def _expire(self, member_id: str, member: Member, silence: int) -> None:
        if member.silences == silence:
            self.leave(member_id)

    def _rebalance(self) -> None:
        if not self.preparing:
            self.preparing = True
            self._rebalances += 1
            number = self._rebalances
            self._time.after(REBALANCE_SECONDS, lambda: self._leave_out_the_slow(number))
        self._complete_if_all_joined()
        for member in self.members.values():
            member.tell()

    def _leave_out_the_slow(self, number: int) -> None:
        if self.preparing and self._rebalances == number:
            for member in self.members.values():
                member.tell()
            self.members = {each: member for each, member in self.members.items() if member.joined}
            self._complete_if_all_joined()

    def _complete_if_all_joined(self) -> None:
        if not self.preparing or not all(member.joined for member in self.members.values()):
            return
        self.preparing = False
        self.generation += 1
        members = [self.members[each] for each in sorted(self.members)]
        for number, member in enumerate(members):
            member.places = [
                (topic, partition) for topic in member.topics for partition in _range(self._partitions, members, number)
            ]
            member.joined = False
            member.tell()

    # ── offsets ─────────────────────────────────────────────────────────────────────────────────────────────────

    def refusal(self, membership: Membership) -> int | None:
        """The error code for offsets sent in a transaction under this membership, None if they are taken.

        Without member and generation nobody is checked: that is how clients from before KIP-447 write.
        """
        if membership.generation < 0 and not membership.member_id:
            return None
        if membership.member_id not in self.members:
            return int(KafkaError.UNKNOWN_MEMBER_ID)
        if membership.generation != self.generation:
            return int(KafkaError.ILLEGAL_GENERATION)
        return None

    def take_pending(self, transaction: Transaction, offsets: dict[Place, Committed]) -> None:
        """Hold offsets until their transaction ends."""
        self._pending.setdefault(transaction, {}).update(offsets)
        transaction.groups[self.end_pending] = None

    def end_pending(self, transaction: Transaction) -> None:
        """A transaction's end has become known here."""
        offsets = self._pending.pop(transaction, {})
        if transaction.committed:
            self.offsets.update(offsets)

    def is_unstable(self, places: set[Place]) -> bool:
        """Whether a transaction may still change what is committed for any of these."""
        return any(not places.isdisjoint(offsets) for offsets in self._pending.values())


def _range(partitions: int, members: list[Any], number: int) -> range:
    each, left = divmod(partitions, len(members))
    start = number * each + min(number, left)
    return range(start, start + each + (1 if number < left else 0))
