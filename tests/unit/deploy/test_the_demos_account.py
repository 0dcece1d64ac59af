"""The account finds what is missing, doubled or left over; a demo whose account can't fail would show nothing."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from deploy.local.demo.audit import audit
from deploy.local.demo.books import Books
from deploy.local.demo.cases import http_cases, mail_cases
from deploy.local.demo.claims import Accepted, Answer, Claims, Command, Message
from deploy.local.demo.reader import Record
from deploy.local.demo.report import latencies, percentile, report_of
from deploy.local.demo.scale import Scale
from deploy.local.demo.survey import SurveyForm

ID = "T-1"
LIFE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("opened", "new", {"channel": "portal", "external_id": "a", "body": "x"}),
    ("queued", "queued", {}),
    ("assigned", "assigned", {"technician_id": "li"}),
    ("accepted", "in_progress", {"technician_id": "li"}),
    ("resolved", "resolved", {"technician_id": "li"}),
    ("closed", "closed", {}),
)
NODES = ("opened", "assigned", "in_progress", "resolved", "closed")


class World:
    """Both sides of the account, one ticket lived to its end; a test breaks one thing."""

    def __init__(self) -> None:
        self.books = Books()
        self.claims = Claims(accepted=[Accepted("portal", "a", 1_000.0, ID)])
        self._offsets = count()

    def record(self, topic: str, type_name: str, data: dict[str, Any], event_id: str) -> None:
        event = {"id": event_id, "type": f"aftercare.{type_name}.v1", "data": data}
        self.books.take(Record(topic, 0, next(self._offsets), ID, event, 1_200, 1_250.0))

    def tell(self, sequence: int, kind: str, status: str, fields: dict[str, Any]) -> None:
        data = {"ticket_id": ID, "sequence": sequence, "status": status, "cause": f"c-{sequence}", **fields}
        self.record("ticket.events", f"ticket.{kind}", data, f"{ID}:{sequence}")

    def offer(self, generation: int = 1) -> None:
        self.record("routing.work", "routing.offer_made", _work(generation), f"offered:{generation}")
        made = {**_work(generation), "technician_id": "li"}
        self.record("ticket.assignments", "assignment.made", made, f"made:{generation}")

    def withdraw(self, generation: int = 1) -> None:
        self.record("routing.work", "routing.offer_withdrawn", _work(generation), f"withdrawn:{generation}")

    def deliver(self, node: str, outcome: str = "sent") -> None:
        delivery = {
            "delivery_id": f"d-{node}",
            "ticket_id": ID,
            "node": node,
            "role": "requester",
            "address": "w@x.example",
        }
        self.record("notifier.outbox", "delivery.requested", delivery, f"{node}:requested")
        self.record("ticket.notifications", f"notification.{outcome}", delivery, f"{node}:{outcome}")


def _work(generation: int) -> dict[str, Any]:
    return {"pool": "p", "ticket_id": ID, "generation": generation}


@pytest.fixture
def world() -> World:
    made = World()
    for sequence, (kind, status, fields) in enumerate(LIFE, start=1):
        made.tell(sequence, kind, status, fields)
    made.offer()
    made.withdraw()
    for node in NODES:
        made.deliver(node)
    return made


def problems(world: World, *, lives_end: bool = True) -> list[str]:
    return [finding.problem for finding in audit(world.claims, world.books, lives_end=lives_end)]


def test_a_ticket_that_lived_to_its_end_is_accounted_for(world: World) -> None:
    assert problems(world) == []


def test_a_request_without_a_ticket_is_found(world: World) -> None:
    world.claims.accepted.append(Accepted("app", "b", 1_000.0, "T-2"))
    assert problems(world)[0] == "accepted on app, and is 0 tickets"


def test_a_mail_is_known_by_its_message_id(world: World) -> None:
    world.claims.accepted.append(Accepted("email", "nobody@x.example", 1_000.0))
    assert problems(world) == ["accepted on email, and is 0 tickets"]


def test_a_ticket_that_nobody_asked_for_is_found(world: World) -> None:
    world.claims.accepted.clear()
    assert problems(world) == ["nobody has asked for it"]


def test_two_requests_in_one_ticket_are_found(world: World) -> None:
    world.claims.accepted.append(Accepted("portal", "b", 1_000.0, ID))
    assert problems(world) == ["two accepted requests became this one ticket"]


def test_a_hole_in_the_sequence_is_found(world: World) -> None:
    world.tell(8, "rated", "closed", {})
    assert problems(world) == ["its sequence has holes or repetitions: [1, 2, 3, 4, 5, 6, 8]"]


def test_an_event_written_twice_is_a_duplicate_and_a_gateways_repetition_is_not(world: World) -> None:
    world.record("ticket.commands", "command.open_ticket", {}, "same")
    world.record("ticket.commands", "command.open_ticket", {}, "same")
    assert world.books.duplicate_ids() == []
    world.tell(6, "closed", "closed", {})
    assert world.books.duplicate_ids() == [f"ticket.events {ID}:6"]


def test_a_ticket_that_is_not_over_is_found_with_who_has_it(world: World) -> None:
    world.tell(7, "reopened", "classified", {})
    world.tell(8, "assigned", "assigned", {"technician_id": "wu"})
    assert "is assigned with wu, not closed" in problems(world)
    assert problems(world, lives_end=False) == []


def test_a_load_that_outlives_its_ticket_is_found(world: World) -> None:
    world.offer(2)
    assert problems(world) == ["weighs on li, unlike its events say"]
    world.withdraw(2)
    assert problems(world) == []


def test_a_mail_without_an_outcome_is_found(world: World) -> None:
    delivery = {"delivery_id": "d-9", "ticket_id": ID, "node": "closed", "role": "lead", "address": "w@x.example"}
    world.record("notifier.outbox", "delivery.requested", delivery, "late")
    assert problems(world) == ["the closed mail to the lead has 0 outcomes"]


def test_a_customer_who_was_told_nothing_is_found_and_one_left_out_for_a_reason_is_not(world: World) -> None:
    world.tell(7, "survey_offered", "closed", {})
    assert problems(world) == ["nothing says whether the customer was told that it was survey_offered"]
    world.deliver("survey_offered", "suppressed")
    assert problems(world) == []


def test_a_command_that_left_no_trace_is_found(world: World) -> None:
    world.claims.commands = [Command("accept", ID, "c-4"), Command("resolve", ID, "lost")]
    assert problems(world) == ["resolve was accepted and neither carried out nor refused"]


def test_a_message_that_is_not_on_its_ticket_is_found_unless_it_was_refused(world: World) -> None:
    world.claims.messages.append(Message(ID, "m-1"))
    assert problems(world) == ["the message m-1 was accepted and is there 0 times"]
    refusal = {"command": "aftercare.command.add_customer_message.v1", "command_id": "c"}
    world.tell(7, "command_refused", "closed", refusal)
    assert problems(world) == []


def test_a_rating_that_is_not_on_its_ticket_is_found(world: World) -> None:
    world.claims.answers.append(Answer(ID, 5))
    assert problems(world) == ["the rating 5 was accepted and is not on the ticket"]


def test_a_review_that_should_have_reopened_is_found(world: World) -> None:
    world.record("ticket.feedback", "feedback.review_requested", {"ticket_id": ID, "reopen": True}, "review")
    assert problems(world) == ["a low rating was to reopen it, and did not"]


def test_a_report_passes_only_with_a_breach_an_escalation_and_a_rating(world: World) -> None:
    report = report_of(world.claims, world.books, (), {})
    assert report.wanting == ("breach", "escalation", "rating")
    assert not report.passed


def test_a_dead_letter_lets_no_report_pass(world: World) -> None:
    for topic, type_name in (("ticket.sla", "sla.target_breached"), ("intake.dlq", "dead_letter")):
        world.record(topic, type_name, {"ticket_id": ID}, type_name)
    world.tell(7, "escalated", "closed", {})
    world.tell(8, "rated", "closed", {})
    report = report_of(world.claims, world.books, (), {})
    assert (report.wanting, report.numbers["dead_letters"], report.passed) == ((), 1, False)


def test_latency_runs_from_the_202_to_the_first_assignment(world: World) -> None:
    assert latencies(world.claims, world.books, "written") == {"p50": 200.0, "p99": 200.0, "max": 200.0}
    assert latencies(world.claims, world.books, "seen")["p50"] == 250.0


@pytest.mark.parametrize(("percent", "expected"), [(50, 2.0), (75, 3.0), (99, 4.0), (100, 4.0)])
def test_a_percentile_is_a_value_that_was_measured(percent: int, expected: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], percent) == expected


def test_the_same_seed_asks_the_same_and_nobody_asks_twice() -> None:
    scale = Scale()
    cases = [*http_cases(scale), *mail_cases(scale)]
    assert cases == [*http_cases(scale), *mail_cases(scale)]
    assert len({case.person.email for case in cases}) == len({case.external_id for case in cases}) == 220
    assert sum(case.cancels for case in cases) == scale.cancelled


def test_a_form_is_sent_where_it_says_with_its_hidden_fields() -> None:
    form = SurveyForm('<form method="post" action="?lang=en"><input type="hidden" name="k" value="v"></form>')
    assert (form.action, form.hidden) == ("?lang=en", {"k": "v"})


def test_a_bundle_is_accounted_for_by_what_it_stands_for_and_is_one_mail(world: World) -> None:
    parts = [{"delivery_id": f"d-{number}", "ticket_id": ID, "node": "escalated", "role": "lead"} for number in (1, 2)]
    for part in parts:
        offered = {**part, "address": "lead@x.example"}
        world.record("notifier.outbox", "delivery.requested", offered, f"{part['delivery_id']}:offered")
    bundle = {"delivery_id": "bundle.1", "ticket_id": ID, "node": "bundle", "role": "lead", "parts": parts}
    world.record("notifier.outbox", "delivery.requested", {**bundle, "address": "lead@x.example"}, "bundle.1:requested")
    assert problems(world) == ["the escalated mail to the lead has 0 outcomes"] * 2
    for part in parts:
        sent = {**part, "bundle_id": "bundle.1"}
        world.record("ticket.notifications", "notification.sent", sent, f"{part['delivery_id']}:sent")
    assert problems(world) == []
    assert [world.books.mails[part["delivery_id"]] for part in parts] == ["bundle.1"] * 2
