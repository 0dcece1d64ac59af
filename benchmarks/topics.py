"""Topics of a measurement, made and deleted, through one admin client a broker."""

from __future__ import annotations

import functools
from typing import Final

from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.work import PARTITIONS

REQUEST_SECONDS: Final = 30.0


@functools.cache
def admin(bootstrap: str) -> AdminClient:
    """Return the admin client for a broker, kept for as long as this process lives.

    A client that is dropped as soon as its last future is done was seen to end the process with a segmentation fault
    now and then: the callback that completes the future still runs on a thread of the client's.
    """
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def make_topics(bootstrap: str, *names: str, partitions: int = PARTITIONS) -> None:
    """Create topics; those whose names end in "changelog" are compacted."""
    compact = {"cleanup.policy": "compact"}
    new = [NewTopic(name, partitions, 1, config=compact if name.endswith("changelog") else {}) for name in names]
    for future in admin(bootstrap).create_topics(new).values():
        future.result(timeout=REQUEST_SECONDS)


def delete_topics(bootstrap: str, part: str) -> None:
    """Delete the topics whose names contain `part`, so that the disk of a long run stays small."""
    names = [name for name in admin(bootstrap).list_topics(timeout=REQUEST_SECONDS).topics if part in name]
    for future in admin(bootstrap).delete_topics(names).values() if names else ():
        future.result(timeout=REQUEST_SECONDS)
