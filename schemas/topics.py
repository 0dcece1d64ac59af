"""Every topic, declared once: key, writer, contents, retention. `python -m services topics apply` creates them.

Partition counts are fixed when a topic is made: keyed state lives by them. All keyed topics of a cluster have the
same count, so the same key is on the same partition number everywhere; directory topics, which every instance reads
whole, have one.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Final

from schemas import (
    audit,
    dead_letters,
    directory,
    feedback,
    intake_requests,
    notifications,
    pool_feedback,
    pool_sla,
    routing_turns,
    routing_work,
    ticket_assignments,
    ticket_commands,
    ticket_events,
    ticket_sla,
    ticket_snapshots,
)
from schemas.contract import Contract

DAY_HOURS: Final = 24
WEEK_HOURS: Final = 7 * DAY_HOURS
YEAR_HOURS: Final = 366 * DAY_HOURS


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the product.

    `partitions` None means the cluster's common count. A compacted topic keeps the last record of each key for ever;
    the others keep `retention_hours`.
    """

    name: str
    key: str
    writer: str
    holds: str
    types: tuple[type[Contract], ...] = ()
    partitions: int | None = None
    compacted: bool = False
    retention_hours: int = WEEK_HOURS


def _declared_in(module: ModuleType) -> tuple[type[Contract], ...]:
    """The published event types of a topic's module, in the order of their declaration."""
    members = vars(module).values()
    return tuple(
        member
        for member in members
        if isinstance(member, type)
        and issubclass(member, Contract)
        and member.__module__ == module.__name__
        and "type_name" in vars(member)
    )


INTAKE_REQUESTS: Final = Topic(
    "intake.requests", "conversation", "gateways", "what arrived, as it arrived", _declared_in(intake_requests)
)
TICKET_COMMANDS: Final = Topic(
    "ticket.commands",
    "ticket id",
    "normaliser and API",
    "what someone outside wants done to a ticket",
    _declared_in(ticket_commands),
)
TICKET_EVENTS: Final = Topic(
    "ticket.events",
    "ticket id",
    "intake ledger",
    "the life of the ticket, sequence without holes",
    _declared_in(ticket_events),
    retention_hours=YEAR_HOURS,
)
TICKET_SNAPSHOTS: Final = Topic(
    "ticket.snapshots",
    "ticket id",
    "intake ledger",
    "the current state of each ticket",
    _declared_in(ticket_snapshots),
    compacted=True,
)
ROUTING_WORK: Final = Topic(
    "routing.work",
    "pool",
    "intake ledger and directory API",
    "offers, withdrawals, roster and presence of a pool",
    _declared_in(routing_work),
    retention_hours=YEAR_HOURS,
)
ROUTING_TURNS: Final = Topic(
    "routing.turns",
    "pool",
    "router",
    "in which turns a pool's router decided, so that it can be decided again",
    _declared_in(routing_turns),
    retention_hours=YEAR_HOURS,
)
TICKET_ASSIGNMENTS: Final = Topic(
    "ticket.assignments", "ticket id", "router", "routing decisions", _declared_in(ticket_assignments)
)
TICKET_SLA: Final = Topic("ticket.sla", "ticket id", "sla_monitor", "what the clocks say", _declared_in(ticket_sla))
POOL_SLA: Final = Topic(
    "pool.sla", "tenant and pool", "sla_monitor", "what the verdicts of a pool come to", _declared_in(pool_sla)
)
NOTIFIER_OUTBOX: Final = Topic(
    "notifier.outbox",
    "delivery id, or recipient of bundles",
    "notifier",
    "one delivery to make",
    (notifications.DeliveryRequested,),
)
NOTIFIER_RESULTS: Final = Topic(
    "notifier.results", "delivery id", "senders", "what came of an attempt", (notifications.DeliveryAttempted,)
)
TICKET_NOTIFICATIONS: Final = Topic(
    "ticket.notifications",
    "ticket id",
    "notifier delivery",
    "outcomes of deliveries",
    (
        notifications.NotificationSent,
        notifications.NotificationFailed,
        notifications.NotificationSuppressed,
        notifications.NotificationBounced,
        notifications.NotificationUnknown,
    ),
)
FEEDBACK_ANSWERS: Final = Topic(
    "feedback.answers", "ticket id", "survey gateways", "what a customer answered", (feedback.SurveyAnswered,)
)
TICKET_FEEDBACK: Final = Topic(
    "ticket.feedback",
    "ticket id",
    "feedback",
    "surveys, ratings, reviews",
    tuple(contract for contract in _declared_in(feedback) if contract is not feedback.SurveyAnswered),
)
POOL_FEEDBACK: Final = Topic(
    "pool.feedback",
    "tenant and pool",
    "feedback",
    "how a pool's clocks kept what was promised",
    _declared_in(pool_feedback),
)
AUDIT: Final = Topic("audit", "actor", "every API", "who did what", _declared_in(audit), retention_hours=YEAR_HOURS)


def _directory_topic(kind: str, contract: type[Contract]) -> Topic:
    return Topic(f"directory.{kind}", "entity id", "directory API", kind, (contract,), partitions=1, compacted=True)


DIRECTORY: Final = {
    "customers": _directory_topic("customers", directory.CustomerDefined),
    "technicians": _directory_topic("technicians", directory.TechnicianDefined),
    "pools": _directory_topic("pools", directory.PoolDefined),
    "calendars": _directory_topic("calendars", directory.CalendarDefined),
    "sla_policies": _directory_topic("sla_policies", directory.SlaPolicyDefined),
    "templates": _directory_topic("templates", directory.TemplateDefined),
}

SERVICES: Final = ("intake", "router", "sla_monitor", "notifier", "feedback")


def _dead_letter_topic(service: str) -> Topic:
    return Topic(
        f"{service}.dlq",
        "as the source",
        service,
        "what could not be processed, why, and from where",
        _declared_in(dead_letters),
        retention_hours=4 * WEEK_HOURS,
    )


DEAD_LETTERS: Final = {service: _dead_letter_topic(service) for service in SERVICES}


def _retry_topic(processor: str) -> Topic:
    holds = "dead letters that an operator sends again, to this processor alone"
    # What a pool's router was told again belongs to the pool's log: a replay reads both.
    retention_hours = YEAR_HOURS if processor == "router.pools" else WEEK_HOURS
    return Topic(f"{processor}.retry", "as the source", "services dlq", holds, retention_hours=retention_hours)


RETRIES: Final = {
    processor: _retry_topic(processor)
    for processor in (
        "intake.normaliser",
        "intake.ledger",
        "router.pools",
        "sla_monitor",
        "sla_monitor.surges",
        "notifier.notify",
        "notifier.delivery",
        "feedback.surveys",
        "feedback.attainment",
    )
}
"""By processor. Topics that others read hold facts only: nobody else sees what one processor is sent again."""


def _changelog(service: str, store: str) -> Topic:
    return Topic(f"{service}.{store}.changelog", "store key", service, f"state: {store}", compacted=True)


CHANGELOGS: Final = {
    ("intake", "conversations"): _changelog("intake", "conversations"),
    ("intake", "tickets"): _changelog("intake", "tickets"),
    ("router", "pools"): _changelog("router", "pools"),
    ("sla_monitor", "clocks"): _changelog("sla_monitor", "clocks"),
    ("sla_monitor", "surges"): _changelog("sla_monitor", "surges"),
    ("notifier", "tickets"): _changelog("notifier", "tickets"),
    ("notifier", "deliveries"): _changelog("notifier", "deliveries"),
    ("feedback", "surveys"): _changelog("feedback", "surveys"),
    ("feedback", "attainment"): _changelog("feedback", "attainment"),
}

NOTES: Final = Topic(
    "aftercare.topics", "topic", "services topics apply", "how each topic was made", partitions=1, compacted=True
)

TOPICS: Final = (
    INTAKE_REQUESTS,
    TICKET_COMMANDS,
    TICKET_EVENTS,
    TICKET_SNAPSHOTS,
    ROUTING_WORK,
    ROUTING_TURNS,
    TICKET_ASSIGNMENTS,
    TICKET_SLA,
    POOL_SLA,
    NOTIFIER_OUTBOX,
    NOTIFIER_RESULTS,
    TICKET_NOTIFICATIONS,
    FEEDBACK_ANSWERS,
    TICKET_FEEDBACK,
    POOL_FEEDBACK,
    *DIRECTORY.values(),
    AUDIT,
    *DEAD_LETTERS.values(),
    *RETRIES.values(),
    *CHANGELOGS.values(),
    NOTES,
)
