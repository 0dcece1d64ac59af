"""The one partitioner, against Kafka's own vectors and another client's. librdkafka: `tests/integration`."""

import pytest
from aiokafka.partitioner import DefaultPartitioner

from schemas.ids import ticket_id
from schemas.partition import murmur2, partition_of

# From Kafka's UtilsTest.testMurmur2, signed as in Java.
KAFKAS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "hashed"), KAFKAS.items())
def test_the_hash_is_kafkas(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed % 2**32


@pytest.mark.parametrize("partitions", [1, 8, 48])
def test_a_thousand_keys_lie_where_aiokafka_puts_them(partitions: int) -> None:
    keys = [ticket_id("acme", "api", str(number)).encode() for number in range(500)]
    keys += [f"东区-{number}".encode()[: number % 13] for number in range(500)]
    every = list(range(partitions))
    theirs = DefaultPartitioner()
    assert [partition_of(key, partitions) for key in keys] == [theirs(key, every, every) for key in keys]


def test_ticket_ids_spread_evenly() -> None:
    counts = [0] * 48
    for number in range(4_800):
        counts[partition_of(ticket_id("acme", "api", str(number)).encode(), 48)] += 1
    assert min(counts) > 60
    assert max(counts) < 145
