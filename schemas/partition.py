"""Which partition a key is on: Kafka's murmur2, as every client of the product must compute it.

Source: `org.apache.kafka.common.utils.Utils.murmur2` and `BuiltInPartitioner.partitionForKey`. librdkafka does the
same under `partitioner=murmur2_random`, aiokafka by default. For changelogs, tools and tests; producers use their own.
"""

from __future__ import annotations

from typing import Final

SEED: Final = 0x9747B28C
MULTIPLIER: Final = 0x5BD1E995
SHIFT: Final = 24
MASK_32: Final = 0xFFFFFFFF
WORD_BYTES: Final = 4


def partition_of(key: bytes, partitions: int) -> int:
    """Partition number of a non-null key, 0 <= number < `partitions`."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2, as an unsigned number."""
    length = len(data)
    whole = length - length % WORD_BYTES
    state = (SEED ^ length) & MASK_32
    for at in range(0, whole, WORD_BYTES):
        word = int.from_bytes(data[at : at + WORD_BYTES], "little") * MULTIPLIER & MASK_32
        word = (word ^ word >> SHIFT) * MULTIPLIER & MASK_32
        state = (state * MULTIPLIER & MASK_32) ^ word
    if whole < length:
        state = (state ^ int.from_bytes(data[whole:], "little")) * MULTIPLIER & MASK_32
    state = (state ^ state >> 13) * MULTIPLIER & MASK_32
    return state ^ state >> 15
