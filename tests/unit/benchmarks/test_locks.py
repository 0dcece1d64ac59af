"""What only `make bench` installs is pinned by digest, and says nothing of where it comes from."""

from __future__ import annotations

import re

from benchmarks.engines.kafka_streams import JARS
from deploy.local.folders import REPOSITORY


def test_the_packages_of_the_bench_group_are_locked_by_digest_without_an_index() -> None:
    lock = (REPOSITORY / "requirements-bench.lock").read_text("utf-8")
    pinned = re.findall(r"^([a-z0-9-]+)==\S+", lock, re.MULTILINE)

    assert {"quixstreams", "matplotlib", "py-spy", "msgspec", "pydantic"} <= set(pinned)
    assert "://" not in lock
    assert "index-url" not in lock
    blocks = re.split(r"^(?=[a-z0-9-]+==)", lock, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pinned)
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_jars_of_kafka_streams_are_listed_with_their_digests_and_the_broker_s_version() -> None:
    lines = JARS.digests.read_text().splitlines()
    names = [name for _, name in map(str.split, lines)]
    broker = re.findall(r"<kafka.version>(.+?)<", (REPOSITORY / "deploy" / "local" / "pom.xml").read_text())

    assert all(re.fullmatch(r"[0-9a-f]{64}  \S+\.jar", line) for line in lines)
    assert f"kafka-streams-{broker[0]}.jar" in names
