"""A seeded history of tickets as `ticket.events` would hold it: `python -m benchmarks.sla_history --tickets 40000`.

One JSON line an event, in the order in which a ledger would have written them. Arrivals follow an office's day and
week; work is done by people, mostly in office hours, who sometimes wait for the customer, are asked again, or get a
ticket back. The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import exp
from random import Random
from typing import Any, Final, NamedTuple

from schemas import envelope
from schemas import ticket_events as events
from schemas.ids import event_id
from schemas.parts import Actor, Requester
from schemas.vocabulary import ActorKind, Category, Channel, Impact, Level, Status, Tier, Urgency

SHANGHAI: Final = timedelta(hours=8)
TENANT: Final = "default"
BY_HOUR: Final = (1, 1, 1, 1, 1, 1, 2, 4, 12, 22, 24, 20, 12, 16, 22, 22, 20, 16, 10, 6, 4, 3, 2, 1)
BY_WEEKDAY: Final = (1.25, 1.1, 1.0, 1.0, 1.05, 0.35, 0.25)
PRIORITIES: Final = ("P0", "P1", "P2", "P3")
PRIORITY_WEIGHTS: Final = (2, 10, 53, 35)
POOLS: Final = {"technical-support": ("li-wei", "chen-jie", "zhao-min"), "customer-service": ("liu-yang", "he-jing")}
FIRST_MINUTES: Final = {"P0": 4.0, "P1": 11.0, "P2": 45.0, "P3": 95.0}
WORK_HOURS: Final = {"P0": 1.1, "P1": 2.4, "P2": 12.0, "P3": 24.0}
SYSTEM: Final = Actor.new(kind=ActorKind.SYSTEM, actor_id="history")


class Told(NamedTuple):
    """One event with the time it happened."""

    at: datetime
    ticket_id: str
    value: bytes


class _Life:
    """Tells the events of one ticket."""

    def __init__(self, ticket_id: str, at: datetime, chance: Random) -> None:
        self.ticket_id = ticket_id
        self.at = at
        self.chance = chance
        self.told: list[Told] = []
        self.status = Status.NEW

    def tell(self, contract: type[events.TicketEvent], status: Status | None = None, **fields: Any) -> None:
        self.status = status or self.status
        sequence = len(self.told) + 1
        data = contract.new(
            ticket_id=self.ticket_id,
            sequence=sequence,
            status=self.status,
            cause="history",
            decided_at=self.at,
            position="h/0/0",
            **fields,
        )
        value = envelope.encode(
            type_name=contract.type_name,
            event_id=event_id(self.ticket_id, sequence),
            source="/aftercare/history",
            time=self.at,
            subject=self.ticket_id,
            tenant=TENANT,
            data=data,
        )
        self.told.append(Told(self.at, self.ticket_id, value))

    def passes(self, hours: float, spread: float = 0.7, *, around_the_clock: bool = False) -> None:
        """Let a lognormal time pass; people who are not on call go on in the morning."""
        self.at += timedelta(hours=hours * exp(self.chance.gauss(0, spread)))
        local = self.at + SHANGHAI
        if not around_the_clock and (local.hour < 8 or local.hour >= 20) and self.chance.random() < 0.55:  # noqa: PLR2004
            morning = local.replace(hour=8, minute=self.chance.randrange(30, 60))
            self.at = (morning if local.hour < 8 else morning + timedelta(days=1)) - SHANGHAI  # noqa: PLR2004

    def change(self, status: Status) -> None:
        self.tell(events.StatusChanged, status, previous=self.status, actor=SYSTEM)


def live(ticket_id: str, at: datetime, chance: Random) -> list[Told]:
    """The life of one ticket that is opened at `at`."""
    life = _Life(ticket_id, at.replace(microsecond=chance.randrange(1_000) * 1_000), chance)
    priority = chance.choices(PRIORITIES, PRIORITY_WEIGHTS)[0]
    pool = "technical-support" if chance.random() < 0.7 else "customer-service"  # noqa: PLR2004
    technician = chance.choice(POOLS[pool])
    on_call = priority in {"P0", "P1"}
    life.tell(
        events.TicketOpened,
        channel=chance.choice(tuple(Channel)),
        external_id=ticket_id,
        conversation=ticket_id,
        requester=Requester.new(
            requester_id=f"c-{chance.randrange(5_000)}",
            tier=Tier.VIP if chance.random() < 0.08 else Tier.STANDARD,  # noqa: PLR2004
        ),
        subject="机器无法启动",
        body="开机后指示灯闪烁，无法进入系统。" * chance.randrange(1, 12),
        impact=Impact.ABNORMAL,
        urgency=Urgency.MEDIUM,
        priority=priority,
    )
    life.tell(
        events.TicketClassified,
        Status.CLASSIFIED,
        category=Category.TECHNICAL if pool == "technical-support" else Category.SERVICE,
        priority=priority,
        priority_reason="impact and urgency",
        pool=pool,
        skills=["cloud"],
        level=Level.L1,
    )
    life.tell(events.TicketQueued, Status.QUEUED, pool=pool, priority=priority, generation=1, reason="opened")
    life.passes(0.04, 1.1, around_the_clock=True)
    life.tell(events.TicketAssigned, Status.ASSIGNED, pool=pool, technician_id=technician, generation=1)
    life.passes(0.05, around_the_clock=on_call)
    life.tell(events.TicketAccepted, Status.IN_PROGRESS, technician_id=technician)
    life.passes(FIRST_MINUTES[priority] / 60, 0.75, around_the_clock=on_call)
    life.tell(events.AgentReplied, technician_id=technician, body="已收到，正在排查，请稍候。")
    if chance.random() < 0.05:  # noqa: PLR2004 - a share of lives
        raised = PRIORITIES[max(0, PRIORITIES.index(priority) - 1)]
        if raised != priority:
            life.tell(events.PriorityChanged, previous=priority, priority=raised, actor=SYSTEM, reason="escalated")
            priority = raised
    if priority == "P0":
        life.passes(0.25, 0.5, around_the_clock=True)
        life.tell(events.PlanSubmitted, actor=SYSTEM, plan="切换到备用集群，并行排查主集群。")
    _work(life, technician, priority, on_call=on_call)
    if chance.random() < 0.06:  # noqa: PLR2004 - as above
        life.passes(20, 0.6)
        life.tell(events.TicketReopened, Status.IN_PROGRESS, reason="not solved", cycle=2)
        _work(life, technician, priority, on_call=on_call)
    life.passes(30, 0.8, around_the_clock=True)
    life.tell(events.TicketClosed, Status.CLOSED, reason="confirmed")
    life.passes(2.0, 1.0)
    life.tell(events.SurveyOffered, survey_id=ticket_id, expires_at=life.at + timedelta(days=7))
    return life.told


def _work(life: _Life, technician: str, priority: str, *, on_call: bool) -> None:
    hours = WORK_HOURS[priority]
    if life.chance.random() < 0.35:  # noqa: PLR2004 - a share of lives
        life.passes(hours * 0.3, around_the_clock=on_call)
        life.change(Status.PENDING)
        life.passes(5, 1.0, around_the_clock=True)
        life.tell(
            events.CustomerReplied,
            Status.IN_PROGRESS,
            message_id=f"{life.ticket_id}-m",
            channel=Channel.PORTAL,
            body="…",
        )
        life.passes(FIRST_MINUTES[priority] / 90, 0.8, around_the_clock=on_call)
        life.tell(events.AgentReplied, technician_id=technician, body="收到，继续处理。")
    life.passes(hours * 0.5, around_the_clock=on_call)
    life.change(Status.IN_REVIEW)
    life.passes(hours * 0.2, around_the_clock=on_call)
    life.tell(
        events.TicketResolved,
        Status.RESOLVED,
        technician_id=technician,
        solution="更换电源模块后恢复。",
        closes_at=life.at + timedelta(days=3),
    )


def history(tickets: int, seed: int, start: datetime, days: int) -> Iterator[Told]:
    """Events of `tickets` tickets that are opened within `days` from `start`, in order of time."""
    chance = Random(seed)  # noqa: S311 - seeded on purpose, nothing secret
    hours = [
        (BY_HOUR[(moment + SHANGHAI).hour] * BY_WEEKDAY[(moment + SHANGHAI).weekday()], moment)
        for moment in (start + timedelta(hours=number) for number in range(days * 24))
    ]
    openings = chance.choices([moment for _, moment in hours], [weight for weight, _ in hours], k=tickets)
    told: list[Told] = []
    for number, hour in enumerate(sorted(openings)):
        opened_at = hour + timedelta(seconds=chance.randrange(3_600))
        told += live(f"H-{seed}-{number:07d}", opened_at, chance)
    return iter(sorted(told, key=lambda each: each.at))  # stable: events of a ticket at one instant keep their order


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a history to standard output."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sla_history", description=__doc__)
    parser.add_argument("--tickets", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--start", type=datetime.fromisoformat, default=datetime(2026, 7, 1, tzinfo=UTC))
    parser.add_argument("--days", type=int, default=92)
    parsed = parser.parse_args(arguments)
    for told in history(parsed.tickets, parsed.seed, parsed.start, parsed.days):
        sys.stdout.buffer.write(told.value + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
