"""The directory in memory: what it answers, which version, and when it is whole."""

from datetime import UTC, datetime

import pytest

from schemas import envelope
from schemas.contract import Contract
from schemas.directory import CalendarDefined, CustomerDefined, PoolDefined, SlaPolicyDefined
from schemas.topics import DIRECTORY
from services._runtime.directory.directory import Directory, record_key

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
CUSTOMERS, POLICIES, POOLS = (DIRECTORY[kind].name for kind in ("customers", "sla_policies", "pools"))


def event(data: Contract, *, type_name: str | None = None) -> bytes:
    return envelope.encode(
        type_name=type_name or data.type_name,
        event_id="1",
        source="/test",
        time=NOW,
        subject="s",
        tenant="acme",
        data=data,
    )


def customer(company: str = "华信银行") -> CustomerDefined:
    return CustomerDefined.new(customer_id="huaxin", company=company)


def policy(version: int) -> SlaPolicyDefined:
    return SlaPolicyDefined.new(policy_id="cn-standard", version=version, definition=f"version: {version}")


def put(directory: Directory, topic: str, data: Contract) -> None:
    directory.apply(topic, record_key(data), event(data))


def test_an_entity_is_found_by_kind_and_id() -> None:
    directory = Directory()
    put(directory, CUSTOMERS, customer())
    found = directory.get(CustomerDefined, "huaxin")
    assert found is not None
    assert found.company == "华信银行"
    assert directory.get("customers", "huaxin") is found


def test_what_is_not_there_is_none() -> None:
    assert Directory().get("customers", "nobody") is None
    assert Directory().all("pools") == ()


def test_a_later_record_takes_the_place_of_an_earlier_one() -> None:
    directory = Directory()
    put(directory, CUSTOMERS, customer("old"))
    put(directory, CUSTOMERS, customer("new"))
    assert [each.company for each in directory.all(CustomerDefined)] == ["new"]


def test_a_tombstone_removes_the_entity() -> None:
    directory = Directory()
    put(directory, CUSTOMERS, customer())
    directory.apply(CUSTOMERS, "huaxin", None)
    assert directory.get("customers", "huaxin") is None


def test_a_tombstone_for_something_unknown_is_fine() -> None:
    directory = Directory()
    directory.apply(CUSTOMERS, "nobody", None)
    assert directory.all("customers") == ()


def test_versions_of_a_policy_stand_beside_each_other_in_any_order_of_arrival() -> None:
    directory = Directory()
    for version in (2, 10, 1):
        put(directory, POLICIES, policy(version))
    assert [each.version for each in directory.versions(SlaPolicyDefined, "cn-standard")] == [1, 2, 10]
    assert directory.get("sla_policies", "cn-standard").version == 10
    assert directory.get("sla_policies", "cn-standard", 2).version == 2
    assert directory.get("sla_policies", "cn-standard", 3) is None


def test_one_version_can_be_removed_and_the_others_stay() -> None:
    directory = Directory()
    put(directory, POLICIES, policy(1))
    put(directory, POLICIES, policy(2))
    directory.apply(POLICIES, "cn-standard@2", None)
    assert directory.get("sla_policies", "cn-standard").version == 1


def test_every_kind_lists_its_highest_versions_by_id() -> None:
    directory = Directory()
    for pool in ("cn-north", "cn-east"):
        put(directory, POOLS, PoolDefined.new(pool=pool, title=pool))
    put(directory, POLICIES, policy(1))
    put(directory, POLICIES, policy(2))
    assert [each.pool for each in directory.all(PoolDefined)] == ["cn-east", "cn-north"]
    assert [each.version for each in directory.all(SlaPolicyDefined)] == [2]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (customer(), "huaxin"),
        (policy(3), "cn-standard@3"),
        (CalendarDefined.new(calendar_id="office", version=1, timezone="UTC", hours={}), "office@1"),
    ],
)
def test_only_versioned_kinds_have_the_version_in_their_key(data: Contract, key: str) -> None:
    assert record_key(data) == key


def test_a_record_whose_key_is_not_its_name_is_refused() -> None:
    directory = Directory()
    with pytest.raises(ValueError, match="key"):
        directory.apply(CUSTOMERS, "another", event(customer()))
    assert directory.all("customers") == ()


def test_an_entity_on_the_wrong_topic_is_refused() -> None:
    with pytest.raises(ValueError, match="customers"):
        Directory().apply(POOLS, "huaxin", event(customer()))


def test_a_malformed_record_is_refused_and_changes_nothing() -> None:
    directory = Directory()
    put(directory, CUSTOMERS, customer())
    with pytest.raises(envelope.InvalidEvent):
        directory.apply(CUSTOMERS, "huaxin", b"{")
    assert directory.get("customers", "huaxin") is not None


def test_the_directory_is_whole_once_every_topic_was_read_to_the_end_it_had() -> None:
    directory = Directory()
    directory.expect({CUSTOMERS: 2, POLICIES: 1, POOLS: 0})
    assert not directory.caught_up
    directory.passed(CUSTOMERS, 1)
    assert not directory.caught_up
    directory.passed(POLICIES, 0)
    assert directory.caught_up


def test_a_directory_without_any_record_is_whole_at_once() -> None:
    directory = Directory()
    assert not directory.caught_up
    directory.expect({CUSTOMERS: 0})
    assert directory.caught_up


def test_a_directory_that_was_whole_stays_usable_while_it_is_read_again() -> None:
    directory = Directory()
    directory.expect({CUSTOMERS: 0})
    directory.expect({CUSTOMERS: 100})
    assert directory.caught_up
    assert "100" in directory.status


def test_reading_again_from_the_beginning_does_not_turn_the_version_back() -> None:
    directory = Directory()
    for offset in (0, 1, 2, 0):
        directory.passed(CUSTOMERS, offset)
    directory.passed(POOLS, 4)
    assert directory.version == 8
