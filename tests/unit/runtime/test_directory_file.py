"""A directory file: what it may say, and which records it stands for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas import envelope
from schemas.directory import TechnicianDefined
from services._runtime.directory.directory import Directory
from services._runtime.directory.file import DirectoryFile, DirectoryFileError, read_directory_file, records_of
from services._runtime.kafka.producer import Outgoing

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DEMO = Path(__file__).parents[3] / "deploy/local/demo/directory.yaml"
TECHNICIAN = """
  - technician_id: li-wei
    name: 李伟
    email: li.wei@aftercare.example
    pool: {pool}
    team: front
    skills: [cloud]
    languages: [zh-CN]
    level: L1
    capacity: 8
    presence: {presence}
"""


def file_of(folder: Path, text: str) -> DirectoryFile:
    path = folder / "directory.yaml"
    path.write_text(text, "utf-8")
    return read_directory_file(path)


def technicians(folder: Path, *, pool: str = "cn-east", presence: str = "available") -> DirectoryFile:
    return file_of(folder, "tenant: acme\ntechnicians:" + TECHNICIAN.format(pool=pool, presence=presence))


def on_routing(records: list[Outgoing]) -> list[tuple[str, str, bool | str]]:
    """Pool, kind of news and what it says, in order."""
    told: list[tuple[str, str, bool | str]] = []
    for record in records:
        if record.topic == "routing.work" and record.value is not None:
            head = envelope.decode_head(record.value)
            data = envelope.decode_data(head.type, head.data)
            told.append(
                (record.key, head.type.split(".")[2], getattr(data, "active", None) or getattr(data, "presence", False))
            )
    return told


def known(file: DirectoryFile) -> dict[str, TechnicianDefined]:
    return {each.technician_id: each for each in file.entities if isinstance(each, TechnicianDefined)}


def test_the_demo_directory_can_be_taken_in_by_every_service() -> None:
    directory = Directory()
    for record in records_of(read_directory_file(DEMO), {}, NOW):
        if record.topic.startswith("directory."):
            directory.apply(record.topic, record.key, record.value)
    assert len(directory.all("pools")) == 2
    assert len(directory.all("technicians")) == 10
    assert "P0" in directory.get("sla_policies", "cn-demo").definition


def test_every_technician_of_the_demo_is_on_the_roster_of_a_pool_that_there_is() -> None:
    directory = Directory()
    records = list(records_of(read_directory_file(DEMO), {}, NOW))
    for record in records:
        if record.topic.startswith("directory."):
            directory.apply(record.topic, record.key, record.value)
    rostered = {key for key, news, _ in on_routing(records) if news == "technician_rostered"}
    assert rostered == {pool.pool for pool in directory.all("pools")}


def test_a_new_technician_is_put_on_the_roster_with_their_presence(tmp_path: Path) -> None:
    records = list(records_of(technicians(tmp_path), {}, NOW))
    assert on_routing(records) == [
        ("cn-east", "technician_rostered", True),
        ("cn-east", "presence_changed", "available"),
    ]


def test_loading_the_same_again_leaves_the_presence_that_was_set_meanwhile(tmp_path: Path) -> None:
    file = technicians(tmp_path)
    assert [news for _, news, _ in on_routing(list(records_of(file, known(file), NOW)))] == ["technician_rostered"]


def test_a_presence_that_the_file_changes_is_told(tmp_path: Path) -> None:
    before = known(technicians(tmp_path))
    after = technicians(tmp_path, presence="away")
    assert ("cn-east", "presence_changed", "away") in on_routing(list(records_of(after, before, NOW)))


def test_who_changes_pools_leaves_the_old_roster_first(tmp_path: Path) -> None:
    before = known(technicians(tmp_path))
    after = technicians(tmp_path, pool="cn-west")
    assert on_routing(list(records_of(after, before, NOW))) == [
        ("cn-east", "technician_rostered", False),
        ("cn-west", "technician_rostered", True),
        ("cn-west", "presence_changed", "available"),
    ]


def test_one_load_repeated_has_the_same_ids_and_a_later_one_has_others(tmp_path: Path) -> None:
    def ids(now: datetime) -> list[str]:
        records = records_of(technicians(tmp_path), {}, now)
        return [envelope.decode_head(record.value).id for record in records if record.value is not None]

    assert ids(NOW) == ids(NOW)
    assert not set(ids(NOW)) & set(ids(NOW + timedelta(minutes=1)))
    assert len(set(ids(NOW))) == 3


def test_hours_and_days_are_read_as_they_are_written(tmp_path: Path) -> None:
    file = file_of(
        tmp_path,
        """
tenant: acme
calendars:
  - calendar_id: office
    version: 1
    timezone: Asia/Shanghai
    hours: {mon: [[09:00, 18:30]]}
    holidays: [2026-10-01]
""",
    )
    (calendar,) = file.entities
    assert (calendar.hours, calendar.holidays) == ({"mon": [["09:00", "18:30"]]}, ["2026-10-01"])  # type: ignore[attr-defined]


def test_every_mistake_is_named_with_its_place(tmp_path: Path) -> None:
    text = """
tenant: acme
pools:
  - {pool: cn-east, title: 华东, titel: x}
  - {title: nameless}
customers:
  - {customer_id: a, company: b, tier: gold}
"""
    with pytest.raises(DirectoryFileError) as refused:
        file_of(tmp_path, text)
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == [
        "customers[0].tier",
        "pools[0].titel",
        "pools[1].pool",
    ]


def test_the_same_entity_twice_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(DirectoryFileError, match="cn-east is there twice"):
        file_of(tmp_path, "tenant: a\npools: [{pool: cn-east, title: x}, {pool: cn-east, title: y}]")


@pytest.mark.parametrize("text", ["", "- a list", "tenant: a\nqueues: []", "pools: []", "tenant: [", "tenant: 7"])
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DirectoryFileError):
        file_of(tmp_path, text)
