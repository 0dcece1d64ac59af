"""`what-if` over a real `ticket.events`: what was committed when it began, and nothing written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from confluent_kafka import IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from benchmarks.sla_history import Told, history
from schemas.topics import TICKET_EVENTS
from services._runtime.clock import ManualClock
from services._runtime.kafka.bounded import BrokersSilentError, TopicUnreadableError, read, slices_of
from services._runtime.settings import KafkaSettings
from services.sla_monitor.adapters.what_if.command import what_if
from services.sla_monitor.adapters.what_if.replay import Skipped
from services.sla_monitor.adapters.what_if.report import Report
from services.sla_monitor.adapters.what_if.source import CLIENT_ID
from tests.integration.intake_bed import make_topics
from tests.stack import PARTITIONS

pytestmark = pytest.mark.integration

# Earlier than any other test's tickets on the shared topic.
START: Final = datetime(2019, 7, 1, tzinfo=UTC)
UNTIL: Final = datetime(2019, 9, 1, tzinfo=UTC)
TICKETS: Final = 60
ROOT: Final = Path(__file__).parents[2]
PROPOSAL: Final = ROOT / "docs" / "what-if" / "proposed.yaml"
DIRECTORY: Final = ROOT / "deploy" / "local" / "demo" / "directory.yaml"


def write(bootstrap: str, told: Sequence[Told], *, commit: bool) -> None:
    """Write events as the ledger does, in one transaction that ends as asked."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "transactional.id": f"what-if-test-{commit}"}
    )
    producer.init_transactions(20)
    producer.begin_transaction()
    for each in told:
        producer.produce(TICKET_EVENTS.name, key=each.ticket_id.encode(), value=each.value)
    producer.flush(20)
    if commit:
        producer.commit_transaction(20)
    else:
        producer.abort_transaction(20)


def ends(bootstrap: str) -> dict[int, int]:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = {TopicPartition(TICKET_EVENTS.name, each): OffsetSpec.latest() for each in range(PARTITIONS)}
    futures = admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED)
    return {place.partition: future.result(timeout=10).offset for place, future in futures.items()}


def replayed(folder: Path, *more: str) -> Report:
    out = folder / "report.json"
    given = ["--policy", str(PROPOSAL), "--since", START.isoformat(), "--until", UNTIL.isoformat()]
    status = what_if([*given, "--directory", str(DIRECTORY), "--json", str(out), *more], ManualClock(UNTIL))
    assert status == 0
    return msgspec.json.decode(out.read_bytes(), type=Report)


def test_what_was_committed_is_replayed_as_from_a_file_and_nothing_is_written(
    local_kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_topics(local_kafka)
    monkeypatch.setenv("AFTERCARE_KAFKA_BOOTSTRAP", local_kafka)
    told = list(history(TICKETS, 11, START, 30))
    write(local_kafka, told, commit=True)
    write(local_kafka, list(history(5, 12, START, 30)), commit=False)
    before = ends(local_kafka)
    from_kafka = replayed(tmp_path)
    assert from_kafka.tickets == TICKETS
    assert ends(local_kafka) == before
    groups: Any = AdminClient({"bootstrap.servers": local_kafka}).list_consumer_groups().result(timeout=10)
    assert not [each.group_id for each in groups.valid if each.group_id.startswith(CLIENT_ID)]

    lines = tmp_path / "events.jsonl"
    lines.write_bytes(b"\n".join(each.value for each in told))
    from_file = replayed(tmp_path, "--input", str(lines))
    assert from_file.skipped.count == 0
    # The topic holds other tests' events too, unreadable ones among them.
    unlike: dict[str, Any] = {"events": 0, "skipped": Skipped()}
    assert msgspec.structs.replace(from_kafka, **unlike) == msgspec.structs.replace(from_file, **unlike)
    assert from_file.tickets_changed > 0


def test_what_is_written_after_the_start_is_not_read(local_kafka: str) -> None:
    make_topics(local_kafka)
    settings = KafkaSettings(kafka_bootstrap=local_kafka)
    write(local_kafka, list(history(10, 13, START + timedelta(days=400), 5)), commit=True)
    parts = slices_of(settings, CLIENT_ID, TICKET_EVENTS.name)
    write(local_kafka, list(history(10, 14, START + timedelta(days=400), 5)), commit=True)
    found = [record for part in parts for record in read(settings, CLIENT_ID, part)]
    assert any(b"H-13-" in (record.key or b"") for record in found)
    assert not any(b"H-14-" in (record.key or b"") for record in found)
    assert slices_of(settings, CLIENT_ID, TICKET_EVENTS.name, datetime(2040, 1, 1, tzinfo=UTC)) == []


def test_a_topic_or_a_broker_that_is_not_there_is_said_at_once(local_kafka: str) -> None:
    with pytest.raises(TopicUnreadableError, match=r"no\.such\.topic"):
        slices_of(KafkaSettings(kafka_bootstrap=local_kafka), CLIENT_ID, "no.such.topic")
    with pytest.raises(BrokersSilentError, match=r"127\.0\.0\.1:1"):
        slices_of(KafkaSettings(kafka_bootstrap="127.0.0.1:1"), CLIENT_ID, TICKET_EVENTS.name)
