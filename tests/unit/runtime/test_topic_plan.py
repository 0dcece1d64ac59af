"""What `topics apply` would do, without a broker."""

import pytest

from schemas.topic_settings import broker_settings
from schemas.topics import NOTES, TOPICS, Topic
from services._runtime.kafka.topic_plan import Found, Note, Plan, plan

EVENTS = Topic("things.events", "thing id", "test", "things", retention_hours=24)
STATE = Topic("things.state", "thing id", "test", "state", compacted=True)
SMALL = Topic("things.kinds", "kind", "test", "kinds", partitions=1, compacted=True)
ALL = (EVENTS, STATE, SMALL)
NOTED = {"things.events": Note("thing id", 8), "things.state": Note("thing id", 8), "things.kinds": Note("kind", 1)}


def there(topic: Topic, partitions: int = 8, replication: int = 3, **other: str) -> Found:
    settings = broker_settings(topic, replication) | {name.replace("_", "."): text for name, text in other.items()}
    return Found(partitions, replication, settings)


def cluster(**changed: Found) -> dict[str, Found]:
    found = {"things.events": there(EVENTS), "things.state": there(STATE), "things.kinds": there(SMALL, partitions=1)}
    return found | {f"things.{name}": topic for name, topic in changed.items()}


def test_an_empty_cluster_gets_every_topic_and_its_note() -> None:
    what = plan(ALL, {}, {}, 8)
    assert what == Plan(create=ALL, note=NOTED)


def test_a_cluster_as_declared_needs_nothing() -> None:
    assert plan(ALL, cluster(), NOTED, 8).is_done


def test_settings_that_the_broker_adds_are_left_alone() -> None:
    assert plan(ALL, cluster(events=there(EVENTS, segment_ms="1")), NOTED, 8).is_done


def test_another_retention_is_changed() -> None:
    what = plan(ALL, cluster(events=there(EVENTS, retention_ms="1")), NOTED, 8)
    assert what == Plan(change={"things.events": {"retention.ms": str(24 * 3600 * 1000)}})


def test_in_sync_copies_follow_the_copies_that_are_there() -> None:
    alone = Found(8, 1, broker_settings(EVENTS, 3))
    assert plan(ALL, cluster(events=alone), NOTED, 8).change == {"things.events": {"min.insync.replicas": "1"}}


@pytest.mark.parametrize("count", [4, 16])
def test_another_partition_count_is_refused_with_the_way_out(count: int) -> None:
    what = plan(ALL, cluster(), NOTED, count)
    assert len(what.refusals) == 2
    assert what.refusals[0].startswith(f"things.events has 8 partitions, {count} are declared")
    assert "AFTERCARE_PARTITIONS=8" in what.refusals[0]


def test_a_topic_with_a_count_of_its_own_ignores_the_common_one() -> None:
    what = plan([SMALL], {"things.kinds": there(SMALL, partitions=1)}, NOTED, 48)
    assert what.is_done


def test_another_key_is_refused() -> None:
    renamed = Topic("things.events", "owner", "test", "things", retention_hours=24)
    (refusal,) = plan([renamed], cluster(), NOTED, 8).refusals
    assert "made with the key “thing id”, “owner” is declared" in refusal


def test_a_topic_that_nobody_noted_is_adopted() -> None:
    assert plan([EVENTS], cluster(), {}, 8) == Plan(note={"things.events": Note("thing id", 8)})


def test_the_products_topics_have_names_of_their_own_and_the_notes_are_among_them() -> None:
    names = [topic.name for topic in TOPICS]
    assert len(set(names)) == len(names)
    assert NOTES in TOPICS


@pytest.mark.parametrize(("copies", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_one_copy_may_be_down_where_there_are_several(copies: int, in_sync: str) -> None:
    assert broker_settings(EVENTS, copies)["min.insync.replicas"] == in_sync
