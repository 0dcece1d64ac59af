"""Memory a key and a timer: what a process grows by when it restores a partition's changelog, without any client.

`python -m benchmarks.memory KEYS TIMERS_A_KEY` prints the bytes as JSON; run in a fresh process each time.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from benchmarks.engines.progress import memory_bytes
from benchmarks.engines.reminders import KIND, topology
from benchmarks.work import PARTITIONS, Seen, ticket_id
from services._runtime.engine.engine import Engine
from services._runtime.engine.state import Entry, StateCodec
from services._runtime.engine.topology import Timer

DUE_AT: Final = datetime(2027, 1, 1, tzinfo=UTC)


def main() -> None:
    """Restore and print what it took."""
    keys, timers = int(sys.argv[1]), int(sys.argv[2])
    grown, kept = grown_bytes(keys, timers)
    print(json.dumps({"keys": kept, "timers": kept * timers, "bytes": grown}))


def grown_bytes(keys: int, timers: int) -> tuple[int, int]:
    """Return by how many bytes this process grew for so many keys with so many timers each, and how many it keeps."""
    engine = Engine(topology("memory.commands", "memory"))
    states = [engine.new_partition(number) for number in range(PARTITIONS)]
    gc.collect()
    before = memory_bytes(os.getpid())
    for number, (key, value) in enumerate(changelog(keys, timers)):
        states[number % PARTITIONS].restore(key, value)
    for state in states:
        state.finish_restore()
    gc.collect()
    return memory_bytes(os.getpid()) - before, sum(len(state.entries) for state in states)


def changelog(keys: int, timers: int) -> Iterator[tuple[str, bytes]]:
    """Yield changelog records as the engine writes them, one a key."""
    codec = StateCodec(topology("memory.commands", "memory"))
    for number in range(keys):
        dues = (DUE_AT + timedelta(seconds=number, milliseconds=place) for place in range(timers))
        set_timers = tuple(Timer(f"{KIND}-{place}", due) for place, due in enumerate(dues))
        yield ticket_id(number), codec.encode(Entry(1, set_timers, Seen(1, f"tech-{number % 97}", f"c-{number}")))


if __name__ == "__main__":
    main()
