"""How the processors' Kafka clients are set up: one place for every setting that a guarantee hangs on."""

from __future__ import annotations

import logging
from typing import Any, Final

from services._runtime.settings import KafkaSettings, RuntimeSettings

SESSION_TIMEOUT_MS: Final = 6_000
HEARTBEAT_MS: Final = 500
"""Short: when the group's coordinator dies, a member must reach the next one before its session is over, or it loses
its partitions for as long again. It is also how soon members hear of a rebalance."""
POLL_INTERVAL_MS: Final = 60_000
TRANSACTION_TIMEOUT_MS: Final = 15_000
FETCH_WAIT_MS: Final = 500
PREFETCH_KIB: Final = 32_768
SOCKET_TIMEOUT_MS: Final = 6_000
"""After so long without an answer a broker counts as dead, its connection is closed, and the leaders are looked up."""
RECONNECT_BACKOFF_MAX_MS: Final = 1_000
LEADERS_REFRESH_MS: Final = 3_000
"""How often a client looks up who leads what it uses. It does so at once when a request fails; but for what is written
after a leader died no request is made: it waited for the next look, by default five minutes away."""
REQUEST_SECONDS: Final = 10.0
PLACE_HEADER: Final = "aftercare-redrive-place"
"""On a dead letter's record that an operator sends again: the offset of its first letter in the dead-letter topic."""
CLIENT_LOG: Final = logging.getLogger("librdkafka")
"""Where the clients' own lines go, instead of the standard error stream."""


def transactional_id(processor: str, settings: RuntimeSettings) -> str:
    """Return the id of an instance slot's writer; also its client id, so that the group's members tell who lives."""
    return f"{processor}-{settings.instance}"


def _common(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": client_id,
        "socket.timeout.ms": SOCKET_TIMEOUT_MS,
        "reconnect.backoff.max.ms": RECONNECT_BACKOFF_MAX_MS,
        "topic.metadata.refresh.interval.ms": LEADERS_REFRESH_MS,
        "socket.nagle.disable": True,
        "log_level": 3,
    }


def consumer_config(settings: RuntimeSettings, group: str, client_id: str) -> dict[str, Any]:
    """Return the settings of a processor's consumer.

    Classic protocol with dynamic members, so that leaving moves the partitions at once; `range`, so that partition n
    of every input is at the same member.
    """
    return _common(settings, client_id) | {
        "group.id": group,
        "group.protocol": "classic",
        "partition.assignment.strategy": "range",
        "session.timeout.ms": SESSION_TIMEOUT_MS,
        "heartbeat.interval.ms": HEARTBEAT_MS,
        "max.poll.interval.ms": POLL_INTERVAL_MS,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": FETCH_WAIT_MS,
        "queued.max.messages.kbytes": PREFETCH_KIB,
    }


def reader_config(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    """Return the settings of a consumer that reads given partitions; it joins no group and commits nothing."""
    return _common(settings, client_id) | {
        "group.id": f"{client_id}-reader",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 20,
        "queued.max.messages.kbytes": 2 * PREFETCH_KIB,
    }


def operator_config(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    """Return the settings of the operators' producer for what stands alone: idempotent, not transactional."""
    return _common(settings, client_id) | {
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
    }


def producer_config(settings: RuntimeSettings, writer: str) -> dict[str, Any]:
    """Return the settings of a transactional producer; the partitioner is the one that all clients share."""
    return _common(settings, writer) | {
        "transactional.id": writer,
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        # The next transaction begins while the broker still finishes the last one, and is told to come again: soon.
        "retry.backoff.ms": 10,
        "queue.buffering.max.messages": 1_000_000,
    }


def admin_config(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    """Return the settings of an admin client."""
    return _common(settings, client_id)
