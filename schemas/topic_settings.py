"""What a broker is told about a topic: one place for `services topics apply` and for the AsyncAPI document."""

from __future__ import annotations

from typing import Final

from schemas.topics import Topic

DEFAULT_PARTITIONS: Final = 48
"""Partitions of every keyed topic unless the cluster's settings say otherwise; fixed once a topic exists."""

DEFAULT_REPLICATION: Final = 3

HOUR_MS: Final = 60 * 60 * 1000
TOMBSTONE_KEPT_MS: Final = 7 * 24 * HOUR_MS
"""How long a deletion stays readable: longer than any instance or subscriber is away from a compacted topic."""

SEGMENT_BYTES: Final = 64 * 1024 * 1024
"""A log is compacted up to its last segment, which is read whole on a restore; so segments of state are small."""


def partitions_of(topic: Topic, common: int = DEFAULT_PARTITIONS) -> int:
    """Partition count of a topic in a cluster whose common count is `common`."""
    return topic.partitions if topic.partitions is not None else common


def broker_settings(topic: Topic, replication: int = DEFAULT_REPLICATION) -> dict[str, str]:
    """Kafka's topic configuration, in its own names and as text. All of it may change on a living topic."""
    settings = {
        # One copy may be down and `acks=all` still holds; a lone broker has only itself.
        "min.insync.replicas": str(max(1, replication - 1)),
        # Records carry the time of their fact inside; the broker's time is for retention only.
        "message.timestamp.type": "LogAppendTime",
    }
    if topic.compacted:
        return settings | {
            "cleanup.policy": "compact",
            "delete.retention.ms": str(TOMBSTONE_KEPT_MS),
            "segment.bytes": str(SEGMENT_BYTES),
        }
    return settings | {"cleanup.policy": "delete", "retention.ms": str(topic.retention_hours * HOUR_MS)}
