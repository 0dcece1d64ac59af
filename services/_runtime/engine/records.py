"""Records as they come off the log and as they go onto it, free of any client library."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False):
    """One input record.

    `redriven` marks a dead letter that an operator sent again, `first_offset` is where its first letter stands in the
    dead-letter topic: its place in the line of its key.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    redriven: bool = False
    first_offset: int | None = None


class Output(msgspec.Struct, frozen=True, gc=False):
    """One record to write. `partition` None leaves the choice to the partitioner (murmur2 of the key)."""

    topic: str
    key: bytes
    value: bytes | None
    partition: int | None = None
