"""Rules 7 and 8 broken on purpose: following the directory, versions and bounds of the state (see `mutations`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from services._runtime.directory import directory
from services._runtime.directory.directory import Directory
from services._runtime.engine.batch import Batch, PartitionBatch
from services._runtime.engine.codec import Entry, StateCodec
from services._runtime.engine.engine import Engine
from services._runtime.engine.records import Output
from services._runtime.engine.state import PartitionState
from services._runtime.processor.processor import Processor

Patch = pytest.MonkeyPatch


# ── 7: following global stores ──────────────────────────────────────────────────────────────────────────────────


def begin_before_the_directory_is_read(patch: Patch) -> None:
    patch.setattr(Processor, "_await_beginning", lambda *_: None)


def take_the_directory_for_whole_before_its_end(patch: Patch) -> None:
    patch.setattr(Directory, "_missing", lambda *_: iter(()))


def take_one_topic_for_the_whole_directory(patch: Patch) -> None:
    missing = Directory._missing

    def all_or_nothing(self: Directory) -> Iterator[tuple[str, int]]:
        left = list(missing(self))
        return iter(left if len(left) == len(self._ends or {}) else ())

    patch.setattr(Directory, "_missing", all_or_nothing)


def keep_what_was_read_first(patch: Patch) -> None:
    put = directory._KindTable.put

    def unless_there(self: Any, key: str, data: Any) -> None:
        if key not in self.names:
            put(self, key, data)

    patch.setattr(directory._KindTable, "put", unless_there)


def keep_what_was_removed(patch: Patch) -> None:
    patch.setattr(directory._KindTable, "remove", lambda *_: None)


def count_no_version_of_the_directory(patch: Patch) -> None:
    patch.setattr(Directory, "version", property(lambda _: 0))


# ── 8: state is versioned and bounded ───────────────────────────────────────────────────────────────────────────


def read_state_without_its_version(patch: Patch) -> None:
    decode = StateCodec.decode

    def as_it_is(self: StateCodec[Any], value: bytes) -> tuple[Entry[Any], int]:
        try:
            entry = self._decode(value)
        except msgspec.ValidationError:
            return decode(self, value)
        return entry, entry.version

    patch.setattr(StateCodec, "decode", as_it_is)


def write_the_newer_version_always(patch: Patch) -> None:
    patch.setattr(StateCodec, "_downgraded", lambda _, entry: entry)


def rewrite_nothing_before_a_rollback(patch: Patch) -> None:
    patch.setattr(Engine, "rewrite", lambda self, batch, partition, _: self._part(batch, partition))


def keep_what_the_older_version_can_not_hold(patch: Patch) -> None:
    patch.setattr(StateCodec, "settled", lambda _, entry: entry)


def pass_over_unreadable_state(patch: Patch) -> None:
    finish = PartitionState.finish_restore

    def forgiving(self: PartitionState[Any]) -> None:
        self._unreadable.clear()
        finish(self)

    patch.setattr(PartitionState, "finish_restore", forgiving)


def never_forget_a_key(patch: Patch) -> None:
    put = PartitionBatch.put

    def kept(self: PartitionBatch[Any], key: str, entry: Entry[Any] | None) -> None:
        if entry is not None:
            put(self, key, entry)

    patch.setattr(PartitionBatch, "put", kept)


def forget_without_a_tombstone(patch: Patch) -> None:
    changelog = Engine.changelog

    def without(self: Engine[Any], batch: Batch[Any]) -> Iterator[Output]:
        return (output for output in changelog(self, batch) if output.value is not None)

    patch.setattr(Engine, "changelog", without)


def keep_stale_timers(patch: Patch) -> None:
    patch.setattr(PartitionState, "drop_stale_timers", lambda *_: None)
