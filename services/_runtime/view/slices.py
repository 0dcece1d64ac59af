"""Records of a batch as slices of changes, one slice a partition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import msgspec

from services._runtime.engine.records import Record
from services._runtime.kafka.follower import Batch
from services._runtime.logs import get_logger
from services._runtime.metrics import READ_MODEL_RECORDS

FROM_THE_BEGINNING: Final = -1

Place = tuple[str, int]
"""A topic and its partition's number."""

log = get_logger(__name__)


class Applied(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A change at its offset, for the tenant whose keys begin with `prefix`; what it holds is the view's own."""

    offset: int
    prefix: str
    change: Any


Project = Callable[[Record], Applied | None]
"""What a record changes, None for nothing. May raise: the record is then passed over, and the log says so."""


class Slice(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Changes of one partition, which was read from offset `start` on; the next slice begins at `next`."""

    place: str
    start: int
    next: int
    changes: list[Applied]


class TopicRewoundError(Exception):
    """A partition has offsets below those that were applied: its topic was made anew. `place` says which."""

    def __init__(self, place: Place) -> None:
        super().__init__(f"{place[0]}/{place[1]} begins again")
        self.place = place


def name_of(place: Place) -> str:
    """A place as a field of the positions' hash."""
    return f"{place[0]}/{place[1]}"


def slices_of(batch: Batch, reached: Mapping[Place, int], project: Project) -> list[Slice]:
    """The batch as slices. `reached` holds the position that each partition was read from.

    Raises:
        TopicRewoundError: see there.
    """
    made = []
    # A batch has the records of a partition together and in their order.
    for (topic, partition), group in groupby(batch.records, key=attrgetter("topic", "partition")):
        place = (topic, partition)
        records = list(group)
        start = reached.get(place, FROM_THE_BEGINNING)
        if records[0].offset < start:
            raise TopicRewoundError(place)
        changes = list(_changes(records, project))
        READ_MODEL_RECORDS.labels("projected").inc(len(changes))
        made.append(Slice(name_of(place), start, batch.positions[place], changes))
    return made


def _changes(records: Iterable[Record], project: Project) -> Iterable[Applied]:
    for record in records:
        try:
            change = project(record)
        except Exception as error:  # noqa: BLE001 - a view must not stand still for one record that no one can read
            # The error's text may quote the record: only its class is told.
            where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            log.warning("read_model_record_skipped", error=type(error).__name__, **where)
            READ_MODEL_RECORDS.labels("skipped").inc()
            continue
        if change is not None:
            yield change
