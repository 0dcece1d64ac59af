"""The same input comes again: copies in the topic, or the whole topic from offset 0."""

from __future__ import annotations

from typing import ClassVar

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from tests.chaos.bed import PARTITIONS, Bed
from tests.chaos.fault import Fault
from tests.chaos.records import TopicReader

READ_SECONDS = 30.0


class DuplicatedInput(Fault):
    """Everything that was sent is sent again, as a gateway does that lost its answers."""

    name = "duplicated_input"
    hold_seconds: ClassVar[float] = 1.0

    def inject(self, bed: Bed) -> None:
        topic = f"{bed.prefix}.commands"
        reader = TopicReader(bed.cluster.bootstrap, (topic,), PARTITIONS)
        try:
            assert reader.read_to_end(READ_SECONDS)
        finally:
            reader.close()
        for record in tuple(reader.records[topic]):
            if record.value is not None:
                bed.load.send_bytes(record.key, record.value)


class ReplayedInput(Fault):
    """An operator sets the group back to offset 0, with the state as it is."""

    name = "replayed_from_offset_0"
    hold_seconds: ClassVar[float] = 1.0
    combines: ClassVar[bool] = False

    def inject(self, bed: Bed) -> None:
        instances = sorted(bed.workers)
        for instance in instances:
            bed.stop_worker(instance)
        places = [TopicPartition(f"{bed.prefix}.commands", each, 0) for each in range(PARTITIONS)]
        asked = bed.cluster.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(bed.tally.name, places)])
        for future in asked.values():
            future.result(READ_SECONDS)
        for instance in instances:
            bed.start_worker(instance)
