"""Topics of a measurement, made and deleted, through one admin client a broker."""

from __future__ import annotations

import logging
from typing import Final

from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.work import PARTITIONS

REQUEST_SECONDS: Final = 30.0


# What the client says about a broker that is being stopped tells nobody anything.
_silent = logging.getLogger("benchmarks.topics.client")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


_admins: dict[str, AdminClient] = {}


def admin(bootstrap: str) -> AdminClient:
    """Return the admin client for a broker, kept until the broker is stopped and forgotten.

    A client that is dropped as soon as its last future is done was seen to end the process with a segmentation fault
    now and then: the callback that completes the future still runs on a thread of the client's.
    """
    if bootstrap not in _admins:
        _admins[bootstrap] = AdminClient({"bootstrap.servers": bootstrap}, logger=_silent)
    return _admins[bootstrap]


def forget(bootstrap: str) -> None:
    """Drop the client of a broker that was stopped, so that it does not try to reach it again and again."""
    _admins.pop(bootstrap, None)


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
