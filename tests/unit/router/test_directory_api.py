"""The directory's API: what each change writes, who may make it, and what a mistake is told."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.directory import CalendarDefined
from schemas.routing_work import PresenceChanged, RoutingPolicyStated, TechnicianRostered
from schemas.topics import DIRECTORY
from schemas.vocabulary import Presence
from services._runtime.directory.directory import record_key
from services._runtime.directory.file import DirectoryFile, records_of
from tests.unit.router.directory_site import NOW, TIMEOUT_SECONDS, DirectorySite, technician

POOL = {"title": "North"}


@pytest.fixture
def site() -> DirectorySite:
    made = DirectorySite()
    assert made.put("/v1/pools/north", POOL).status_code == 200
    assert made.put("/v1/pools/south", {"title": "South"}).status_code == 200
    return made


def errors(answer: Any) -> dict[str, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return {each["pointer"]: each["do"] for each in answer.json()["errors"]}


def test_someone_new_is_an_event_for_everyone_and_one_for_their_router_and_is_audited(site: DirectorySite) -> None:
    answer = site.put("/v1/technicians/li.na", technician(products=["scan-9"], tiers=["vip"], conflicts=["c-17"]))
    assert answer.status_code == 200
    assert answer.json()["technician_id"] == "li.na"
    (defined,) = site.kafka.on(DIRECTORY["technicians"])
    assert defined.name == "李娜"
    rostered, presence = site.told()
    assert isinstance(rostered, TechnicianRostered)
    assert (rostered.capacity, rostered.products, rostered.conflicts) == (3, ["scan-9"], ["c-17"])
    assert isinstance(presence, PresenceChanged)
    assert site.audits()[-1] == ("boss", "put_technician", "li.na", "accepted")


def test_what_is_said_again_is_written_again_without_a_change_of_presence(site: DirectorySite) -> None:
    site.put("/v1/technicians/li.na", technician())
    site.put("/v1/technicians/li.na", technician(capacity=5))
    assert [type(each).__name__ for each in site.told()].count("PresenceChanged") == 1
    assert site.told()[-1].capacity == 5


def test_who_has_a_skill_at_a_level_has_all_below_it(site: DirectorySite) -> None:
    answer = site.put("/v1/technicians/li.na", technician(skill_levels={"laser": 3}))
    assert answer.json()["skills"] == ["laser", "laser:1", "laser:2", "laser:3", "scanner"]


def test_a_skill_that_looks_like_a_level_is_refused(site: DirectorySite) -> None:
    answer = site.put("/v1/technicians/li.na", technician(skills=["laser:3"]))
    assert answer.status_code == 422
    assert "skill_levels" in errors(answer)["#/skills/0"]


def test_who_changes_pools_leaves_the_old_roster(site: DirectorySite) -> None:
    site.put("/v1/technicians/li.na", technician())
    site.put("/v1/technicians/li.na", technician(pool="south"))
    left, came, presence = site.told()[-3:]
    assert (left.pool, left.active) == ("north", False)
    assert (came.pool, came.active) == ("south", True)
    assert presence.pool == "south"


def test_an_unknown_pool_is_to_be_made_first_and_nothing_is_written(site: DirectorySite) -> None:
    answer = site.put("/v1/technicians/li.na", technician(pool="nowhere"))
    assert answer.status_code == 422
    assert "PUT /v1/pools/" in errors(answer)["#/pool"]
    assert site.told() == []
    assert site.audits()[-1] == ("boss", "put_technician", "li.na", "refused: directory-entry")


@pytest.mark.parametrize(
    ("shift", "pointer"),
    [
        ({"timezone": "Mars/Base", "hours": {"mon": [["09:00", "18:00"]]}}, "#/shift"),
        ({"timezone": "UTC", "hours": {"funday": [["09:00", "18:00"]]}}, "#/shift/hours"),
        ({"timezone": "UTC", "hours": {"mon": [["09:00"]]}}, "#/shift"),
        ({"timezone": "UTC", "hours": {}, "overrides": {"2026-02-31": []}}, "#/shift"),
    ],
)
def test_hours_that_no_clock_shows_are_refused_with_their_place(
    site: DirectorySite, shift: dict[str, Any], pointer: str
) -> None:
    answer = site.put("/v1/technicians/li.na", technician(shift=shift))
    assert answer.status_code == 422
    assert pointer in errors(answer)


def test_a_shift_is_taken_from_a_calendar_with_its_holidays(site: DirectorySite) -> None:
    calendar = CalendarDefined.new(
        calendar_id="office",
        version=1,
        timezone="Asia/Shanghai",
        hours={"mon": [["09:00", "18:00"]]},
        holidays=["2026-10-01"],
        overrides={"2026-10-10": [["09:00", "12:00"]]},
    )
    for record in records_of(DirectoryFile("acme", (calendar,)), {}, NOW):
        site.directory.apply(record.topic, record_key(calendar), record.value)
    site.put("/v1/technicians/li.na", technician(shift_calendar="office"))
    shift = site.told()[0].shift
    assert shift.timezone == "Asia/Shanghai"
    assert shift.overrides == {"2026-10-01": [], "2026-10-10": [["09:00", "12:00"]]}
    assert site.put("/v1/technicians/li.na", technician(shift_calendar="none")).status_code == 422


def test_the_rules_of_a_pool_reach_its_router_and_their_versions_follow_each_other(site: DirectorySite) -> None:
    site.put("/v1/technicians/li.na", technician())
    policy = {"version": 1, "groups": [{"teams": ["field"], "after_seconds": 60}], "owner_id": "li.na"}
    assert site.put("/v1/pools/north/routing", {"policy": policy}).status_code == 200
    stated = site.told()[-1]
    assert isinstance(stated, RoutingPolicyStated)
    assert stated.policy.version == 1
    again = site.put("/v1/pools/north/routing", {"policy": policy})
    assert again.status_code == 409
    assert "version 2" in errors(again)["#/policy/version"]
    # A change of the pool's name leaves its rules alone.
    site.put("/v1/pools/north", {"title": "North and west"})
    assert site.ask("GET", "/v1/pools/north").json()["routing"]["version"] == 1


def test_rules_that_name_nobody_are_refused(site: DirectorySite) -> None:
    policy = {"version": 1, "groups": [{"teams": ["ghosts"]}], "owner_id": "nobody", "timezone": "Nowhere"}
    answer = site.put("/v1/pools/north/routing", {"policy": policy})
    assert answer.status_code == 422
    assert set(errors(answer)) == {"#/policy/groups/0/teams/0", "#/policy/owner_id", "#/policy/timezone"}


def test_a_team_is_renamed_and_moved_with_all_who_are_in_it(site: DirectorySite) -> None:
    for name in ("li.na", "wang.wei"):
        site.put(f"/v1/technicians/{name}", technician())
    moved = site.ask("PATCH", "/v1/pools/north/teams/field", {"team": "onsite", "pool": "south"})
    assert moved.status_code == 200
    assert site.ask("GET", "/v1/teams").json() == [{"pool": "south", "team": "onsite", "technicians": 2}]
    assert site.ask("PATCH", "/v1/pools/north/teams/field", {"team": "x"}).status_code == 404
    assert site.ask("PATCH", "/v1/pools/south/teams/onsite", {}).status_code == 422


def test_lists_go_on_after_an_id_and_tell_no_addresses(site: DirectorySite) -> None:
    for name in ("a", "b", "c"):
        site.put(f"/v1/technicians/{name}", technician())
    first = site.ask("GET", "/v1/technicians?limit=2", role="technician").json()
    assert [each["technician_id"] for each in first] == ["a", "b"]
    assert "email" not in first[0]
    assert [each["technician_id"] for each in site.ask("GET", "/v1/technicians?after=b").json()] == ["c"]
    assert site.ask("GET", "/v1/technicians?pool=south").json() == []
    assert site.ask("GET", "/v1/technicians/a").json()["email"] == "li.na@aftercare.example"
    assert site.ask("GET", "/v1/technicians/z").status_code == 404


@pytest.mark.parametrize("role", ["technician", "requester"])
def test_only_coordinators_and_systems_change_the_directory(site: DirectorySite, role: str) -> None:
    assert site.put("/v1/technicians/li.na", technician(), role=role).status_code == 403
    assert site.put("/v1/pools/north/routing", {"policy": {"version": 1}}, role=role).status_code == 403
    assert site.told() == []
    assert site.audits()[-1][3] == "refused: forbidden"


def test_without_kafka_the_caller_hears_to_send_it_again(site: DirectorySite) -> None:
    site.kafka.gone = True
    answer = site.put("/v1/technicians/li.na", technician())
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_fields_that_nobody_knows_are_refused(site: DirectorySite) -> None:
    assert site.put("/v1/technicians/li.na", technician(capcity=4)).status_code == 422


def test_a_technician_gives_signs_of_life_for_themselves_alone(site: DirectorySite) -> None:
    site.put("/v1/technicians/li.na", technician())
    body = {"presence": "available"}
    heard = site.ask("POST", "/v1/technicians/li.na/heartbeat", body, role="technician", who="li.na")
    assert heard.json() == {"technician_id": "li.na", "presence": "available", "within_seconds": TIMEOUT_SECONDS}
    assert site.attended.beats == [("li.na", "north", Presence.AVAILABLE)]
    other = site.ask("POST", "/v1/technicians/li.na/heartbeat", body, role="technician", who="wang.wei")
    assert other.status_code == 403
    assert len(site.attended.beats) == 1


def test_presence_is_declared_by_oneself_or_a_coordinator_while_on_the_roster(site: DirectorySite) -> None:
    site.put("/v1/technicians/li.na", technician())
    answer = site.put("/v1/technicians/li.na/presence", {"presence": "away"})
    assert answer.status_code == 200
    assert site.attended.declared == [("li.na", "north", Presence.AWAY, "boss")]
    site.put("/v1/technicians/li.na", technician(active=False))
    assert site.put("/v1/technicians/li.na/presence", {"presence": "away"}).status_code == 409
    assert site.put("/v1/technicians/nobody/presence", {"presence": "away"}).status_code == 404
