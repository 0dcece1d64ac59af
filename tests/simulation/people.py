"""Who is outside: customers who write, rate and come back; technicians who work; a mail server that is not always up.

They see what subscribers see, events on the topics, and act through what gateways write. What they decide follows from
the world's seed.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Final

from schemas.feedback import SurveyAnswered
from schemas.ids import ticket_id
from schemas.intake_requests import RequestReceived
from schemas.notifications import DeliveryAttempted, Outcome
from schemas.parts import Actor, Requester
from schemas.routing_work import PresenceChanged, TechnicianRostered
from schemas.ticket_commands import (
    AcceptAssignment,
    AssignTicket,
    ChangeStatus,
    ConfirmResolution,
    DeclineAssignment,
    ReplyToCustomer,
    ResolveTicket,
)
from schemas.topics import (
    FEEDBACK_ANSWERS,
    INTAKE_REQUESTS,
    NOTIFIER_RESULTS,
    ROUTING_WORK,
    TICKET_COMMANDS,
    TICKET_EVENTS,
)
from schemas.vocabulary import ActorKind, Channel, Impact, Language, Level, Presence, Status, Urgency
from services.notifier.domain.deliveries import Attempt
from tests.simulation.sights import Sight
from tests.simulation.world import PARTITIONS, TENANT, World

MINUTE: Final = 60.0
HOUR: Final = 3600.0
TECHNICIANS_A_POOL: Final = 4
CUT_OFF: Final = 0.08
CUT_OFF_SECONDS_MAX: Final = 2 * HOUR


class People:
    """Everybody outside the five services."""

    def __init__(self, world: World, *, pools: dict[str, list[str]], requests: int) -> None:
        self._world = world
        self._read: dict[int, int] = dict.fromkeys(range(PARTITIONS), 0)
        self._seen: set[str] = set()
        self._answered: set[str] = set()
        self.requested: set[str] = set()
        self.kept_open: set[str] = set()
        self._status: dict[str, str] = {}
        self._reopened: set[str] = set()
        self._declined: set[str] = set()
        world.on_effect = self._deliver
        world.on_step = self._look
        self._staff(pools)
        for number in range(requests):
            world.after(0, 4 * HOUR, lambda number=number: self._request(number))  # type: ignore[misc]

    # ── technicians ─────────────────────────────────────────────────────────────────────────────────────────────

    def _staff(self, pools: dict[str, list[str]]) -> None:
        for pool, skills in pools.items():
            for number in range(TECHNICIANS_A_POOL):
                technician = f"tech-{pool}-{number}"
                self._world.send(
                    ROUTING_WORK,
                    pool,
                    TechnicianRostered.new(
                        technician_id=technician,
                        pool=pool,
                        team="team",
                        skills=skills,
                        languages=[Language.ZH_CN, Language.EN],
                        level=Level.L3,
                        capacity=6,
                    ),
                    f"roster:{technician}",
                )
                present = PresenceChanged.new(technician_id=technician, pool=pool, presence=Presence.AVAILABLE)
                self._world.send(ROUTING_WORK, pool, present, f"presence:{technician}")

    def _work(self, event: dict[str, Any]) -> None:
        ticket, sequence, data = event["subject"], event["data"]["sequence"], event["data"]
        actor = Actor.new(kind=ActorKind.TECHNICIAN, actor_id=data["technician_id"])
        command = f"{ticket}:{sequence}"
        if event["type"] == "aftercare.ticket.assigned.v1":
            if ticket not in self._declined and self._chance(0.15):
                self._declined.add(ticket)
                decline = DeclineAssignment.new(ticket_id=ticket, actor=actor, reason="no time")
                self._command(5, 300, ticket, decline, f"{command}:decline")
            else:
                accept = AcceptAssignment.new(ticket_id=ticket, actor=actor)
                self._command(5, 20 * MINUTE, ticket, accept, f"{command}:accept")
            return
        reply = ReplyToCustomer.new(ticket_id=ticket, actor=actor, body="We are on it. 正在处理。")
        self._command(10, HOUR, ticket, reply, f"{command}:reply")
        if self._chance(0.2):
            wait = ChangeStatus.new(ticket_id=ticket, actor=actor, status=Status.PENDING, reason="a question")
            self._command(20, HOUR, ticket, wait, f"{command}:wait")
        if self._chance(0.1):
            # A long story: still in somebody's hands when everything else is over.
            self.kept_open.add(ticket)
        if ticket in self.kept_open:
            return
        solved = ResolveTicket.new(ticket_id=ticket, actor=actor, solution="Restarted. 已重启。")
        self._command(MINUTE, 6 * HOUR, ticket, solved, f"{command}:solve")

    def _coordinate(self, event: dict[str, Any]) -> None:
        """Give what nobody is left for, since everybody declined or was late, to somebody by hand."""
        ticket = event["subject"]
        if self._status[ticket] != Status.QUEUED.value:
            return
        pool = event["data"]["pool"]
        assign = AssignTicket.new(
            ticket_id=ticket,
            actor=Actor.new(kind=ActorKind.COORDINATOR, actor_id="coordinator"),
            technician_id=f"tech-{pool}-{self._world.random.randrange(TECHNICIANS_A_POOL)}",
        )
        self._world.send(TICKET_COMMANDS, ticket, assign, f"{ticket}:{event['data']['sequence']}:by-hand")

    # ── customers ───────────────────────────────────────────────────────────────────────────────────────────────

    def _request(self, number: int) -> None:
        channel = self._world.random.choice([Channel.PORTAL, Channel.APP, Channel.CHAT, Channel.PHONE])
        external_id = f"request-{number}"
        self.requested.add(ticket_id(TENANT, channel.value, external_id))
        request = self._message(channel, external_id, f"conversation-{number}", "The machine does not start")
        event_id = f"{channel.value}:{external_id}"
        self._world.send(INTAKE_REQUESTS, f"conversation-{number}", request, event_id)
        if self._chance(0.1):
            # The same request again: a double click, a retry, a forwarded copy.
            self._world.time.seen[Sight.ASKED_AGAIN] += 1
            again = lambda: self._world.send(INTAKE_REQUESTS, f"conversation-{number}", request, event_id)  # noqa: E731
            self._world.after(0, HOUR, again)

    def _message(
        self, channel: Channel, external_id: str, conversation: str, body: str, ticket: str | None = None
    ) -> RequestReceived:
        world = self._world
        return RequestReceived.new(
            channel=channel,
            external_id=external_id,
            conversation=conversation,
            requester=Requester.new(requester_id=f"r-{conversation}", email="someone@customer.example"),
            subject="机器无法启动",
            body=body,
            impact=world.random.choice(list(Impact)),
            urgency=world.random.choice(list(Urgency)),
            known_ticket_id=ticket,
        )

    def _react(self, event: dict[str, Any]) -> None:
        """The customer hears of the resolution: agrees, says nothing, or comes back once."""
        ticket, command = event["subject"], f"{event['subject']}:{event['data']['sequence']}"
        if ticket not in self._reopened and self._chance(0.15):
            self._reopened.add(ticket)
            conversation = f"again-{ticket}"
            message = self._message(Channel.PORTAL, f"again-{ticket}", conversation, "It is broken again", ticket)
            send = lambda: self._world.send(INTAKE_REQUESTS, conversation, message, f"again:{ticket}")  # noqa: E731
            self._world.after(MINUTE, HOUR, send)
        elif self._chance(0.5):
            customer = Actor.new(kind=ActorKind.REQUESTER, actor_id="customer")
            confirm = ConfirmResolution.new(ticket_id=ticket, actor=customer)
            self._command(MINUTE, HOUR, ticket, confirm, f"{command}:confirm")

    def _rate(self, event: dict[str, Any]) -> None:
        ticket, survey = event["subject"], event["data"]["survey_id"]
        if self._chance(0.6):
            score = self._world.random.randint(1, 5)
            answer = SurveyAnswered.new(ticket_id=ticket, survey_id=survey, channel=Channel.SURVEY, csat=score)
            send = lambda: self._world.send(FEEDBACK_ANSWERS, ticket, answer, f"answer:{survey}")  # noqa: E731
            self._world.after(MINUTE, 24 * HOUR, send)

    # ── the mail server ─────────────────────────────────────────────────────────────────────────────────────────

    def _deliver(self, attempt: object) -> None:
        if not isinstance(attempt, Attempt):
            return
        if self._chance(0.02):
            self._world.time.seen[Sight.MAIL_LOST] += 1
            return
        outcome = Outcome.UNREACHABLE if self._chance(0.05) else Outcome.SENT
        result = DeliveryAttempted.new(
            delivery_id=attempt.delivery_id, attempt=attempt.number, outcome=outcome, detail="simulated"
        )
        event_id = f"{attempt.delivery_id}:{attempt.number}"
        send = lambda: self._world.send(NOTIFIER_RESULTS, attempt.delivery_id, result, event_id)  # noqa: E731
        self._world.after(0.01, 5, send)

    # ── watching ────────────────────────────────────────────────────────────────────────────────────────────────

    def _look(self) -> None:
        """Read what is new on `ticket.events`, as a read_committed subscriber that drops ids it has seen."""
        for log in self._world.cluster.topics[TICKET_EVENTS.name]:
            start, end = self._read[log.number], log.stable_end
            if start == end:
                continue
            self._read[log.number] = end
            for stored in log.committed(start):
                event = json.loads(stored.value or b"")
                if event["id"] not in self._seen:
                    self._seen.add(event["id"])
                    self._notice(event)

    def _notice(self, event: dict[str, Any]) -> None:
        self._status[event["subject"]] = event["data"]["status"]
        match event["type"]:
            case "aftercare.ticket.queued.v1":
                self._world.after(24 * HOUR, 30 * HOUR, lambda: self._coordinate(event))
            case "aftercare.ticket.assigned.v1" | "aftercare.ticket.accepted.v1":
                self._work(event)
            case "aftercare.ticket.resolved.v1":
                self._react(event)
            case "aftercare.ticket.survey_offered.v1":
                self._rate(event)
            case _:
                pass

    def _command(self, least_seconds: float, most_seconds: float, ticket: str, data: Any, command_id: str) -> None:
        """Send a command after a while. Now and then a gateway was cut off, and it is written later than it came."""
        world = self._world
        came_at = world.now + timedelta(seconds=world.random.uniform(least_seconds, most_seconds))
        delay_seconds = 0.0
        if self._chance(CUT_OFF):
            world.time.seen[Sight.WRITTEN_LATE] += 1
            delay_seconds = world.random.uniform(0, CUT_OFF_SECONDS_MAX)
        world.time.at(
            came_at + timedelta(seconds=delay_seconds),
            lambda: world.send(TICKET_COMMANDS, ticket, data, command_id, came_at),
        )

    def _chance(self, share: float) -> bool:
        return self._world.random.random() < share
