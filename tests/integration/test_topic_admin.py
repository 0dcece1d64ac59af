"""`topics apply` and `topics describe` against a real Kafka."""

import dataclasses

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from schemas.topic_settings import broker_settings
from schemas.topics import TOPICS, Topic
from services.__main__ import main
from services._runtime.kafka import topic_admin
from services._runtime.kafka.topic_admin import REFUSED, TopicAdmin, apply, describe
from services._runtime.settings import KafkaSettings

pytestmark = pytest.mark.integration

NOTES = Topic("topic-admin.notes", "topic", "test", "notes", partitions=1, compacted=True)
EVENTS = Topic("topic-admin.events", "thing id", "test", "things", retention_hours=24)
STATE = Topic("topic-admin.state", "thing id", "test", "state", compacted=True)


def named(label: str) -> tuple[Topic, Topic, Topic]:
    return (
        dataclasses.replace(EVENTS, name=f"topic-admin.{label}.events"),
        dataclasses.replace(STATE, name=f"topic-admin.{label}.state"),
        dataclasses.replace(NOTES, name=f"topic-admin.{label}.notes"),
    )


def admin_of(bootstrap: str, topics: tuple[Topic, Topic, Topic], partitions: int = 3) -> TopicAdmin:
    settings = KafkaSettings(kafka_bootstrap=bootstrap, partitions=partitions, replication=1)
    return TopicAdmin(settings, topics, topics[-1])


def settings_of(bootstrap: str, topic: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    client = AdminClient({"bootstrap.servers": bootstrap})
    (future,) = client.describe_configs([resource]).values()
    return {entry.name: entry.value for entry in future.result(20).values()}


def test_applying_creates_what_is_declared_and_again_changes_nothing(local_kafka: str) -> None:
    topics = named("fresh")
    admin = admin_of(local_kafka, topics)
    assert describe(admin, topics) == [f"{topic.name:<36} missing" for topic in topics]
    assert apply(admin) == (0, [f"created {topic.name}" for topic in topics])
    assert apply(admin) == (0, ["all topics are as declared"])
    assert admin.plan()[0].is_done
    for topic in topics:
        assert settings_of(local_kafka, topic.name).items() >= broker_settings(topic, 1).items()
    lines = describe(admin, topics)
    assert "3 partitions × 1" in lines[0]
    assert all(line.endswith("as declared") for line in lines)


def test_another_retention_is_brought_to_a_living_topic(local_kafka: str) -> None:
    topics = named("retention")
    apply(admin_of(local_kafka, topics))
    longer = (dataclasses.replace(topics[0], retention_hours=48), *topics[1:])
    admin = admin_of(local_kafka, longer)
    assert "to change: retention.ms=172800000" in describe(admin, longer)[0]
    assert apply(admin) == (0, [f"changed {topics[0].name}: retention.ms=172800000"])
    assert settings_of(local_kafka, topics[0].name)["retention.ms"] == "172800000"


def test_what_would_move_keys_is_refused_and_nothing_is_done(local_kafka: str) -> None:
    topics = named("moved")
    apply(admin_of(local_kafka, topics))
    moved = (dataclasses.replace(topics[0], key="owner", retention_hours=48), *topics[1:])
    status, lines = apply(admin_of(local_kafka, moved, partitions=6))
    assert status == REFUSED
    assert "has 3 partitions, 6 are declared" in lines[0]
    assert "made with the key “thing id”, “owner” is declared" in lines[1]
    assert lines[-1] == "Nothing was changed."
    assert settings_of(local_kafka, topics[0].name)["retention.ms"] == str(24 * 3600 * 1000)
    assert describe(admin_of(local_kafka, moved, partitions=6), moved)[-1].startswith("refused: ")


def test_two_may_apply_at_the_same_time(local_kafka: str) -> None:
    topics = named("race")
    first, second = admin_of(local_kafka, topics), admin_of(local_kafka, topics)
    late, _ = second.plan()
    apply(first)
    second.carry_out(late)
    assert second.plan()[0].is_done


def test_every_topic_of_the_product_can_be_made(local_kafka: str) -> None:
    topics = tuple(dataclasses.replace(topic, name=f"topic-admin.all.{topic.name}") for topic in TOPICS)
    settings = KafkaSettings(kafka_bootstrap=local_kafka, partitions=2, replication=1)
    admin = TopicAdmin(settings, topics, topics[-1])
    status, lines = apply(admin)
    assert status == 0, lines
    assert admin.plan()[0].is_done


def test_the_command_line_says_what_it_did_and_what_it_refuses(
    local_kafka: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    topics = named("command")
    monkeypatch.setattr(topic_admin, "TopicAdmin", lambda settings: TopicAdmin(settings, topics, topics[-1]))
    monkeypatch.setenv("AFTERCARE_KAFKA_BOOTSTRAP", local_kafka)
    monkeypatch.setenv("AFTERCARE_REPLICATION", "1")
    monkeypatch.setenv("AFTERCARE_PARTITIONS", "2")
    assert main(["topics", "apply"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"created {topics[0].name}"
    monkeypatch.setenv("AFTERCARE_PARTITIONS", "4")
    assert main(["topics", "apply"]) == REFUSED
    assert "AFTERCARE_PARTITIONS=2" in capsys.readouterr().err
    assert main(["topics", "describe"]) == 0
    assert "missing" in capsys.readouterr().out


def test_a_kafka_that_does_not_answer_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(topic_admin, "REQUEST_SECONDS", 0.5)
    monkeypatch.setenv("AFTERCARE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    assert main(["topics", "apply"]) == 1
    assert capsys.readouterr().err.startswith("Kafka: ")
