"""The processor's ten rules, each broken on purpose: switches that a test throws to see that a check notices.

Most are noticed by the simulation, which then finds a broken promise within a few seeds. The others name the check
that has to fail. `docs/guarantees.md` lists them all.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import pytest
from confluent_kafka import KafkaException, TopicPartition

from services._runtime.engine.batch import Batch, PartitionBatch
from services._runtime.engine.codec import Entry
from services._runtime.engine.engine import Engine
from services._runtime.engine.state import DueTimer, PartitionState
from services._runtime.processor import ownership, processor, redrive, transaction
from services._runtime.processor.kept import KeptStates
from services._runtime.processor.measure import Meter
from services._runtime.processor.ownership import Ownership
from services._runtime.processor.pace import Pace
from services._runtime.processor.restore import Restorer
from services._runtime.processor.session import Session
from services._runtime.processor.timer_gate import TimerGate
from services._runtime.processor.transaction import TransactionAborted
from tests.simulation import broken_stores as s
from tests.simulation import checks
from tests.simulation import store_checks as c
from tests.simulation.broker.groups import Committed, Group
from tests.simulation.broker.producer import SimulatedProducer

Patch = pytest.MonkeyPatch
HOUR: Final = timedelta(hours=1)
FAR: Final = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mutation:
    """One way to break a rule. `check` raises AssertionError once it is broken, and passes while it holds."""

    rule: int
    name: str
    throw: Callable[[Patch], None]
    check: Callable[[], None] = checks.some_seeds_break_no_promise


def fence_no_dead_writer(patch: Patch) -> None:
    """No mutation by itself: fencing saves time, correctness never depends on it."""
    patch.setattr(ownership, "fence_dead_writers", lambda *_: None)


# ── 1: one transaction ──────────────────────────────────────────────────────────────────────────────────────────


def _skip_the_changelog(patch: Patch) -> None:
    patch.setattr(Engine, "changelog", lambda *_: iter(()))


def _write_outputs_before_the_commit(patch: Patch) -> None:
    produce = SimulatedProducer.produce

    def leak(self: SimulatedProducer, topic: str, value: bytes | None, key: bytes, *rest: Any, **named: Any) -> None:
        if topic.endswith(".changelog"):
            produce(self, topic, value, key, *rest, **named)
        else:
            self._cluster.send(topic, key, value)

    patch.setattr(SimulatedProducer, "produce", leak)


def _commit_offsets_outside_the_transaction(patch: Patch) -> None:
    def at_once(self: SimulatedProducer, positions: list[TopicPartition], membership: Any, timeout: float) -> None:
        del timeout
        self._cluster.point("send_offsets")
        offsets = {(each.topic, each.partition): Committed(each.offset, each.metadata or "") for each in positions}
        self._cluster.group(membership.group).offsets.update(offsets)

    patch.setattr(SimulatedProducer, "send_offsets_to_transaction", at_once)


def _keep_the_overlay_after_an_abort(patch: Patch) -> None:
    patch.setattr(Engine, "abort", Engine.commit)


def _take_an_unknown_outcome_for_an_abort(patch: Patch) -> None:
    def judged(error: KafkaException) -> TransactionAborted:
        return TransactionAborted(error.args[0])

    patch.setattr(transaction, "_judged", judged)


def _take_the_generation_at_the_commit(patch: Patch) -> None:
    fence_no_dead_writer(patch)

    def now(self: Ownership[Any]) -> Any:
        return self._clients.consumer.consumer_group_metadata()

    patch.setattr(Ownership, "group_metadata", property(now, lambda *_: None), raising=False)


# ── 2: state ────────────────────────────────────────────────────────────────────────────────────────────────────


def _restore_to_the_last_stable_offset_only(patch: Patch) -> None:
    take = Restorer._take

    def satisfied(self: Restorer[Any], message: Any) -> None:
        take(self, message)
        state = self._states.get(message.partition())
        if state is not None and message.error() is not None:
            self._ends[message.partition()] = state.changelog_position

    patch.setattr(Restorer, "_take", satisfied)


def _read_offsets_that_are_not_stable(patch: Patch) -> None:
    patch.setattr(Group, "is_unstable", lambda *_: False)


def _trust_kept_states_without_their_tail(patch: Patch) -> None:
    take = KeptStates.take

    def trusted(self: KeptStates[Any], partition: int) -> PartitionState[Any] | None:
        state = take(self, partition)
        if state is not None:
            state.changelog_position = 1_000_000_000
        return state

    patch.setattr(KeptStates, "take", trusted)


# ── 3: membership ───────────────────────────────────────────────────────────────────────────────────────────────


def _let_an_old_generation_commit(patch: Patch) -> None:
    fence_no_dead_writer(patch)
    patch.setattr(Group, "refusal", lambda *_: None)


def _commit_timers_without_offsets(patch: Patch) -> None:
    fence_no_dead_writer(patch)
    offsets = Session._offsets

    def of_records_only(self: Session[Any], records: Sequence[Any], without_records: Any) -> list[TopicPartition]:
        del without_records
        return offsets(self, records, ())

    patch.setattr(Session, "_offsets", of_records_only)


# ── 4: timers ───────────────────────────────────────────────────────────────────────────────────────────────────


def _forget_the_generation_of_a_timer(patch: Patch) -> None:
    def by_kind(_: PartitionState[Any], due: DueTimer, entry: Entry[Any] | None) -> bool:
        return entry is not None and any(timer.kind == due.kind for timer in entry.timers)

    patch.setattr(PartitionState, "is_current", by_kind)


def _fire_without_the_gate(patch: Patch) -> None:
    patch.setattr(TimerGate, "is_waiting", lambda *_: False)
    patch.setattr(TimerGate, "open_until", lambda *_: FAR)


def _fire_an_hour_early(patch: Patch) -> None:
    pop_due = PartitionState.pop_due

    def eager(self: PartitionState[Any], until: datetime) -> Iterator[DueTimer]:
        return pop_due(self, until + HOUR)

    patch.setattr(PartitionState, "pop_due", eager)


def _restore_without_timers(patch: Patch) -> None:
    patch.setattr(PartitionState, "finish_restore", lambda *_: None)


def _lose_the_timers_of_an_aborted_batch(patch: Patch) -> None:
    patch.setattr(PartitionState, "push_back", lambda *_: None)


# ── 5: time and chance ──────────────────────────────────────────────────────────────────────────────────────────


def _make_ids_from_chance(patch: Patch) -> None:
    encode = Engine._encode

    def by_chance(self: Engine[Any], emit: Any, cause: Any, number: int) -> Any:
        emit = msgspec.structs.replace(emit, id=f"{random.random()}")
        return encode(self, emit, cause, number)

    patch.setattr(Engine, "_encode", by_chance)


def _read_a_clock_while_deciding(patch: Patch) -> None:
    init = PartitionBatch.__init__

    def by_another_clock(self: PartitionBatch[Any], state: PartitionState[Any], now: datetime) -> None:
        init(self, state, now + timedelta(microseconds=random.randint(1, 999)))

    patch.setattr(PartitionBatch, "__init__", by_another_clock)


# ── 6: poison ───────────────────────────────────────────────────────────────────────────────────────────────────


def _set_a_whole_batch_aside(patch: Patch) -> None:
    def all_of_them(self: Session[Any], records: list[Any], aborted: TransactionAborted) -> Sequence[Any]:
        batch = self._engine.begin(self._clock.now())
        for record in records:
            self._engine.condemn(batch, record, aborted)
        self._begin(records, ())
        self._writer.write(batch.outputs)
        self._commit(batch)
        return ()

    patch.setattr(Session, "_run_without_culprit", all_of_them)


def _park_nothing(patch: Patch) -> None:
    patch.setattr(PartitionBatch, "parked_count", lambda *_: 0)


def _swallow_poison(patch: Patch) -> None:
    patch.setattr(Engine, "_set_aside", lambda *_: None)


def _redrive_outside_a_transaction(patch: Patch) -> None:
    produce = SimulatedProducer.produce

    def at_once(self: SimulatedProducer, topic: str, value: bytes | None, key: bytes, *rest: Any, **named: Any) -> None:
        if self.config["client.id"].startswith(redrive.CLIENT_ID):
            self._cluster.point("produce")
            self._cluster.send(topic, key, value, named.get("headers"))
        else:
            produce(self, topic, value, key, *rest, **named)

    patch.setattr(SimulatedProducer, "produce", at_once)


def _never_stop_for_dead_letters(patch: Patch) -> None:
    patch.setattr(Batch, "dead_letters_in_a_row", property(lambda _: 0, lambda *_: None), raising=False)


def _never_stop_for_parked_keys(patch: Patch) -> None:
    patch.setattr(PartitionBatch, "parked_keys", property(lambda _: 0))


# ── 9 and 10 ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _take_batches_without_bound(patch: Patch) -> None:
    patch.setattr(Pace, "records_max", property(lambda _: 1_000_000, lambda *_: None), raising=False)


def _end_without_leaving(patch: Patch) -> None:
    patch.setattr(Session, "close", lambda *_: None)


def _be_live_without_progress(patch: Patch) -> None:
    patch.setattr(processor, "PROGRESS_SECONDS_MAX", float("inf"))


def _count_nothing(patch: Patch) -> None:
    patch.setattr(Meter, "committed", lambda *_: None)


MUTATIONS: Final = (
    Mutation(1, "the changelog is not written", _skip_the_changelog),
    Mutation(1, "outputs are written before the commit", _write_outputs_before_the_commit),
    Mutation(1, "offsets are committed outside the transaction", _commit_offsets_outside_the_transaction),
    Mutation(1, "an abort keeps its changes", _keep_the_overlay_after_an_abort),
    Mutation(1, "an unknown outcome is taken for an abort", _take_an_unknown_outcome_for_an_abort),
    Mutation(1, "the generation is taken at the commit", _take_the_generation_at_the_commit),
    Mutation(2, "restoring ends at the last stable offset", _restore_to_the_last_stable_offset_only),
    Mutation(2, "offsets are read that are not stable", _read_offsets_that_are_not_stable),
    Mutation(2, "a kept state is used without its tail", _trust_kept_states_without_their_tail),
    Mutation(3, "an old generation may commit", _let_an_old_generation_commit),
    Mutation(3, "timers alone are committed without offsets", _commit_timers_without_offsets),
    Mutation(4, "a timer's generation is forgotten", _forget_the_generation_of_a_timer),
    Mutation(4, "timers fire without the gate", _fire_without_the_gate),
    Mutation(4, "timers fire an hour early", _fire_an_hour_early),
    Mutation(4, "timers are not restored", _restore_without_timers),
    Mutation(4, "an abort loses its timers", _lose_the_timers_of_an_aborted_batch),
    Mutation(5, "ids are made from chance", _make_ids_from_chance),
    Mutation(5, "a decision reads another clock", _read_a_clock_while_deciding),
    Mutation(6, "a whole batch is set aside for one record", _set_a_whole_batch_aside),
    Mutation(6, "no key is parked", _park_nothing),
    Mutation(6, "poison is swallowed", _swallow_poison),
    Mutation(6, "a redrive is no transaction", _redrive_outside_a_transaction),
    Mutation(6, "no number of dead letters stops it", _never_stop_for_dead_letters, checks.poison_in_a_row_stops),
    Mutation(6, "no number of parked keys stops it", _never_stop_for_parked_keys, checks.many_parked_keys_stop),
    Mutation(7, "it begins before the directory is read", s.begin_before_the_directory_is_read, c.waits_to_begin),
    Mutation(
        7,
        "the directory is taken for whole before its end",
        s.take_the_directory_for_whole_before_its_end,
        c.the_directory_is_whole_at_its_ends,
    ),
    Mutation(
        7,
        "one topic is taken for the whole directory",
        s.take_one_topic_for_the_whole_directory,
        c.the_directory_is_whole_at_its_ends,
    ),
    Mutation(7, "an update of the directory is not followed", s.keep_what_was_read_first, c.the_directory_is_followed),
    Mutation(7, "what was removed stays in the directory", s.keep_what_was_removed, c.the_directory_is_followed),
    Mutation(7, "views have no version", s.count_no_version_of_the_directory, c.the_directory_is_followed),
    Mutation(8, "state is read without its version", s.read_state_without_its_version, c.older_state_is_lifted),
    Mutation(
        8,
        "the newer version is written while older code runs",
        s.write_the_newer_version_always,
        c.older_code_reads_what_newer_code_writes_for_it,
    ),
    Mutation(
        8,
        "what the older version can't hold is kept in memory",
        s.keep_what_the_older_version_can_not_hold,
        c.older_code_reads_what_newer_code_writes_for_it,
    ),
    Mutation(
        8,
        "nothing is rewritten before a rollback",
        s.rewrite_nothing_before_a_rollback,
        c.state_is_rewritten_before_a_rollback,
    ),
    Mutation(8, "state that can't be read is passed over", s.pass_over_unreadable_state, c.unreadable_state_stops),
    Mutation(8, "no key is ever forgotten", s.never_forget_a_key, c.forgotten_keys_are_gone),
    Mutation(8, "what is forgotten leaves no tombstone", s.forget_without_a_tombstone, c.forgotten_keys_are_gone),
    Mutation(8, "timers that were replaced stay", s.keep_stale_timers, c.replaced_timers_take_no_room),
    Mutation(9, "batches have no bound", _take_batches_without_bound),
    Mutation(9, "it ends without leaving the group", _end_without_leaving),
    Mutation(9, "it is live without progress", _be_live_without_progress, checks.no_progress_is_not_live),
    Mutation(10, "nothing is counted", _count_nothing, checks.metrics_agree_with_the_log),
)
