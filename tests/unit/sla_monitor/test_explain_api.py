"""`GET /v1/tickets/{id}/sla` answers from the committed state what production decides by."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.ticket_sla import TargetBreached, TargetMet
from schemas.topics import TICKET_SLA
from schemas.vocabulary import Status
from tests.topology.monitored import Monitored
from tests.unit.sla_monitor.clocks_site import NOW, ClocksSite

PATH = "/v1/tickets/T-1/sla"


@pytest.fixture
def site() -> ClocksSite:
    return ClocksSite()


def test_the_answer_says_what_was_told_on_the_topic(site: ClocksSite) -> None:
    desk = site.monitored
    desk.opened("T-1")
    desk.driver.advance(31 * 60)
    desk.answered("T-1")
    desk.stands("T-1", Status.PENDING)
    desk.driver.advance(3_600)
    desk.stands("T-1", Status.IN_PROGRESS)
    desk.driver.advance(600)
    desk.resolved("T-1")
    told = {event.data.target: event.data for event in desk.driver.read(TICKET_SLA) if _is_verdict(event.data)}
    site.publish("T-1")
    site.clock.advance_to(desk.driver.now)
    answer = site.client.get(PATH, headers=site.bearer("technician")).json()
    assert answer["sequence"] == 5
    assert answer["policies"] == [{"policy_id": "cn-standard", "version": 1, "calendar_id": None}]
    first, resolution = answer["targets"]["first_response"], answer["targets"]["resolution"]
    assert first["state"] == "breached"
    assert first["elapsed_seconds"] == 31 * 60
    assert first["remaining_seconds"] == -60
    assert resolution["state"] == "met"
    assert resolution["elapsed_seconds"] == told["resolution"].elapsed_seconds == 41 * 60
    assert [pause["status"] for pause in resolution["pauses"]] == ["pending"]
    assert resolution["segments"] == [
        {"start": segment.start, "end": segment.end} for segment in told["resolution"].segments
    ]


def _is_verdict(data: object) -> bool:
    return isinstance(data, TargetMet | TargetBreached)


def test_earlier_cycles_stay_in_the_answer_after_a_reopening(site: ClocksSite) -> None:
    desk = site.monitored
    desk.opened("T-1", priority="P0")
    desk.driver.advance(3 * 3_600)
    desk.resolved("T-1")
    desk.reopened("T-1")
    site.publish("T-1")
    site.clock.advance(timedelta(seconds=3 * 3_600))
    resolution = site.client.get(PATH, headers=site.bearer("coordinator")).json()["targets"]["resolution"]
    assert (resolution["state"], resolution["cycle"]) == ("running", 2)
    assert [earlier["state"] for earlier in resolution["earlier_cycles"]] == ["breached"]


def test_the_clock_goes_on_in_the_answer_though_nothing_happens(site: ClocksSite) -> None:
    site.monitored.opened("T-1")
    site.publish("T-1")
    first = site.client.get(PATH, headers=site.bearer("system")).json()["targets"]["first_response"]
    assert (first["state"], first["remaining_seconds"]) == ("running", 1_800)
    site.clock.advance(timedelta(seconds=60))
    first = site.client.get("/tickets/T-1/sla", headers=site.bearer("system")).json()["targets"]["first_response"]
    assert (first["elapsed_seconds"], first["remaining_seconds"]) == (60, 1_740)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": "Bearer nonsense"}, 401)],
)
def test_without_a_valid_token_nothing_is_said(site: ClocksSite, headers: dict[str, str], status: int) -> None:
    assert site.client.get(PATH, headers=headers).status_code == status


def test_customers_and_other_tenants_are_told_nothing(site: ClocksSite) -> None:
    site.monitored.opened("T-1")
    site.publish("T-1")
    assert site.client.get(PATH, headers=site.bearer("requester")).status_code == 403
    assert site.client.get(PATH, headers=site.bearer("technician", tenant="other")).status_code == 404


def test_without_redis_it_asks_to_come_again(site: ClocksSite) -> None:
    site.clocks.gone = True
    answer = site.client.get(PATH, headers=site.bearer("technician"))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_a_ticket_that_was_let_go_says_so() -> None:
    monitored = Monitored(NOW)
    site = ClocksSite(monitored)
    monitored.opened("T-1")
    monitored.resolved("T-1")
    monitored.closed("T-1")
    monitored.driver.advance(timedelta(days=30).total_seconds())
    site.publish("T-1")
    answer = site.client.get(PATH, headers=site.bearer("technician")).json()
    assert answer["condensed"] is True
