"""Ends the open transactions of writers that died, so that their successor need not wait for the broker's time-out.

Each commit leaves the writer's transactional id in the metadata of the committed offsets. The new owner of a partition
reads it there, checks that this writer is no longer a member of the group, and initialises its id: the broker aborts
what it left open. This only saves time; nothing is wrong if it fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from services._runtime.kafka.clients import CLIENT_LOG, producer_config, reader_config
from services._runtime.logs import get_logger
from services._runtime.settings import RuntimeSettings

log = get_logger(__name__)
LOOKUP_SECONDS: Final = 3.0
"""Short: the look-up only saves time, and right after a broker's restart it may go unanswered."""
FENCE_SECONDS: Final = 5.0


def last_writers(settings: RuntimeSettings, group: str, own: str, partitions: Iterable[TopicPartition]) -> set[str]:
    """Return the transactional ids that committed these partitions last, open transactions included.

    Asked by a consumer that is no member of the group: the admin client's request for the same crashes the process when
    the group has just moved to another coordinator (librdkafka's issue 5040, open). Read uncommitted, so that open
    transactions are not waited for.

    Raises:
        KafkaException: the group's coordinator did not answer.
    """
    config = reader_config(settings, own) | {"group.id": group, "isolation.level": "read_uncommitted"}
    asking = Consumer(config, logger=CLIENT_LOG)
    try:
        places = [TopicPartition(each.topic, each.partition) for each in partitions]
        return {each.metadata for each in asking.committed(places, timeout=LOOKUP_SECONDS) if each.metadata}
    finally:
        asking.close()


def living_members(admin: AdminClient, group: str) -> set[str]:
    """Return the client ids (which are transactional ids) of the group's members.

    Raises:
        KafkaException: the group's coordinator did not answer.
    """
    futures = admin.describe_consumer_groups([group], request_timeout=LOOKUP_SECONDS)
    return {member.client_id for member in futures[group].result(timeout=LOOKUP_SECONDS).members}


def a_broker_is_away(admin: AdminClient) -> bool:
    """Whether a partition has a replica on a broker that is not in the cluster now; False where none could be asked."""
    try:
        known = admin.list_topics(timeout=LOOKUP_SECONDS)
    except KafkaException:
        return False
    partitions = (each for topic in known.topics.values() for each in topic.partitions.values())
    return any(not known.brokers.keys() >= set(each.replicas) for each in partitions)


def fence(settings: RuntimeSettings, writer: str) -> None:
    """Initialise a dead writer's id; that it is fenced already is success."""
    producer = Producer(producer_config(settings, writer), logger=CLIENT_LOG)
    try:
        producer.init_transactions(FENCE_SECONDS)
    except KafkaException as error:
        # Not closed, only let go of: closing would try to abort, and write that it can't while this call goes on.
        log.warning("writer_not_fenced", writer=writer, error=str(error))
    else:
        log.info("writer_fenced", writer=writer)
        producer.close()


def fence_dead_writers(
    settings: RuntimeSettings, admin: AdminClient, group: str, own: str, partitions: Iterable[TopicPartition]
) -> None:
    """Fence every last writer of `partitions` that is not a member of the group any more; failures only cost time."""
    try:
        writers = last_writers(settings, group, own, partitions) - {own}
        if writers:
            for writer in sorted(writers - living_members(admin, group)):
                fence(settings, writer)
    except (KafkaException, TimeoutError) as error:
        log.warning("dead_writers_not_looked_up", error=str(error))
