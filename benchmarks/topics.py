"""Topics of a measurement, made and deleted, through one admin client a broker."""

from __future__ import annotations

import logging
from typing import Final

from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.work import PARTITIONS

REQUEST_SECONDS: Final = 30.0
SILENT: Final = logging.getLogger("benchmarks.topics.client")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False
"""For what clients say about a broker that is starting or being stopped, which tells nobody anything."""
_admins: dict[str, AdminClient] = {}


def admin(bootstrap: str) -> AdminClient:
    """Return the admin client for a broker, kept until the broker is stopped and forgotten."""
    if bootstrap not in _admins:
        _admins[bootstrap] = AdminClient({"bootstrap.servers": bootstrap}, logger=SILENT)
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
