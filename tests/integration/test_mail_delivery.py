"""Mail on its way through the real processor and real servers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.mail import Mail
from deploy.local.register import Register
from schemas.directory import PoolDefined, TechnicianDefined
from schemas.notifications import DeliveryRequested
from schemas.parts import Requester
from schemas.ticket_events import TicketAssigned, TicketClassified, TicketEscalated, TicketOpened
from schemas.topics import DIRECTORY, NOTIFIER_OUTBOX, TICKET_EVENTS
from schemas.vocabulary import Category, Channel, Impact, Language, Level, Medium, Role, Status, Urgency
from services._runtime.mail_reference import ticket_of
from tests.integration.kafka_bed import wait_until
from tests.integration.mail_bed import (
    CLOCK,
    MAIL_SECONDS,
    SECRET,
    SUPPORT,
    Bus,
    StallingServer,
    mailbox,
    new_ticket_id,
    notifier,
    start,
)

pytestmark = pytest.mark.integration

QUICK = {
    "notifier_retry_first_seconds": "0.3",
    "notifier_retry_max_seconds": "1",
    "notifier_send_timeout_seconds": "2",
    "notifier_result_timeout_seconds": "8",
}


@pytest.fixture
def bus(local_kafka: str) -> Bus:
    return Bus(local_kafka)


@pytest.fixture
def own_mail(tmp_path: Path, stack_register: Register) -> Iterator[Mail]:
    """Yield a mail server that the test starts itself."""
    mail = Mail(tmp_path / "mail", started=stack_register.add)
    yield mail
    mail.stop()


def request(bus: Bus, ticket_id: str, address: str, language: Language = Language.ZH_CN, number: int = 1) -> str:
    """Ask for a delivery; return its id."""
    delivery_id = f"{ticket_id}.opened.{number:020x}"
    data = DeliveryRequested.new(
        delivery_id=delivery_id,
        ticket_id=ticket_id,
        node="opened",
        role=Role.REQUESTER,
        medium=Medium.EMAIL,
        address=address,
        language=language,
        subject=f"[{ticket_id}] " + ("已收到您的请求" if language is Language.ZH_CN else "Request received"),
        body="王先生：\n\n我们已收到。\n" if language is Language.ZH_CN else "Dear Wang,\n\nreceived.\n",
        give_up_at=CLOCK.now() + timedelta(minutes=10),
        decided_at=CLOCK.now(),
        position="test/0/0",
        directory_version=0,
    )
    bus.send(NOTIFIER_OUTBOX, delivery_id, data, ticket_id=ticket_id)
    return delivery_id


def ticket_event(contract: Any, ticket_id: str, sequence: int, status: Status, **fields: Any) -> Any:
    """Return an event of a ticket."""
    return contract.new(
        ticket_id=ticket_id,
        sequence=sequence,
        status=status,
        cause="test",
        decided_at=CLOCK.now(),
        position="test/0/0",
        **fields,
    )


def in_the_directory(bus: Bus, pool: str, technician_id: str, supervisor_email: str | None = None) -> None:
    """Define a pool and its technician."""
    technician = TechnicianDefined.new(
        technician_id=technician_id,
        name="Li Na",
        email=f"{technician_id}@desk.example",
        pool=pool,
        team="first",
        skills=[],
        languages=[Language.EN],
        level=Level.L1,
        capacity=5,
    )
    bus.send(DIRECTORY["technicians"], technician_id, technician, ticket_id=technician_id)
    bus.send(
        DIRECTORY["pools"],
        pool,
        PoolDefined.new(pool=pool, title="North", supervisor_email=supervisor_email),
        ticket_id=pool,
    )


def life_until_assigned(ticket_id: str, pool: str, technician_id: str, customer: str) -> list[Any]:
    """Return the first events of a ticket."""
    opened = ticket_event(
        TicketOpened,
        ticket_id,
        1,
        Status.NEW,
        channel=Channel.EMAIL,
        external_id="m-1",
        conversation="c-1",
        requester=Requester.new(requester_id="r-1", name="王先生", email=customer),
        subject="无法登录",
        body="…",
        impact=Impact.MINOR,
        urgency=Urgency.LOW,
        priority="P2",
    )
    classified = ticket_event(
        TicketClassified,
        ticket_id,
        2,
        Status.CLASSIFIED,
        category=Category.TECHNICAL,
        priority="P2",
        priority_reason="impact",
        pool=pool,
        skills=[],
        level=Level.L1,
    )
    assigned = ticket_event(
        TicketAssigned, ticket_id, 3, Status.ASSIGNED, pool=pool, technician_id=technician_id, generation=1
    )
    return [opened, classified, assigned]


def test_a_tickets_life_reaches_customer_and_technician_once_each(
    local_kafka: str, local_mail: Mail, bus: Bus, tmp_path: Path
) -> None:
    ticket_id = new_ticket_id()
    name = ticket_id.lower()
    customer = f"customer-{name}@customer.example"
    in_the_directory(bus, f"pool-{name}", f"li-{name}")
    events = life_until_assigned(ticket_id, f"pool-{name}", f"li-{name}", customer)
    for event in [*events, *events]:
        bus.send(TICKET_EVENTS, ticket_id, event, ticket_id=ticket_id)
    with notifier(local_kafka, local_mail.smtp_port, tmp_path):
        outcomes = bus.wait_for_outcomes(ticket_id, 3)
    assert [kind for kind, _ in outcomes] == ["sent"] * 3
    mails = mailbox(local_mail.imap_port, customer)
    assert {mail["Subject"] for mail in mails} == {
        f"[{ticket_id}] 我们已收到您的请求：无法登录",
        f"[{ticket_id}] 您的请求已安排工程师：无法登录",
    }
    assert len(mails) == 2
    assert all("https://help.example/progress/" in mail.get_content() for mail in mails)
    (to_technician,) = mailbox(local_mail.imap_port, f"li-{name}@desk.example")
    assert to_technician["Subject"] == f"[{ticket_id}] P2 assigned to Li Na: 无法登录"
    assert len({mail["References"] for mail in [*mails, to_technician]}) == 1


def test_one_mail_a_delivery_arrives_with_the_right_headers_in_both_languages(
    local_kafka: str, local_mail: Mail, bus: Bus, tmp_path: Path
) -> None:
    ticket_id = new_ticket_id()
    addresses = {language: f"{language.lower()}-{ticket_id.lower()}@customer.example" for language in Language}
    with notifier(local_kafka, local_mail.smtp_port, tmp_path, **QUICK):
        for number, (language, address) in enumerate(addresses.items(), start=1):
            for _ in range(2):
                request(bus, ticket_id, address, language, number)
        outcomes = bus.wait_for_outcomes(ticket_id, 2)
    assert [(kind, data.attempt) for kind, data in outcomes] == [("sent", 1)] * 2
    (chinese,) = mailbox(local_mail.imap_port, addresses[Language.ZH_CN])
    (english,) = mailbox(local_mail.imap_port, addresses[Language.EN])
    assert (chinese["Subject"], english["Subject"]) == (
        f"[{ticket_id}] 已收到您的请求",
        f"[{ticket_id}] Request received",
    )
    assert chinese.get_content().splitlines() == ["王先生：", "", "我们已收到。"]
    assert english.get_content().splitlines() == ["Dear Wang,", "", "received."]
    for mail in (chinese, english):
        assert mail["From"] == f"Aftercare <{SUPPORT}>"
        assert mail["Reply-To"] == SUPPORT
        assert mail["Auto-Submitted"] == "auto-generated"
        assert ticket_of(SECRET, mail["Message-ID"]) == ticket_id
        assert ticket_of(SECRET, mail["References"]) == ticket_id
        assert abs(mail["Date"].datetime - CLOCK.now()) < timedelta(minutes=2)
    assert chinese["Message-ID"] != english["Message-ID"]
    assert chinese["References"] == english["References"]


def test_a_server_that_is_down_is_asked_again_until_it_is_back(
    local_kafka: str, own_mail: Mail, bus: Bus, tmp_path: Path
) -> None:
    ticket_id = new_ticket_id()
    address = f"{ticket_id.lower()}@customer.example"
    with notifier(local_kafka, own_mail.smtp_port, tmp_path, **QUICK) as service:
        delivery_id = request(bus, ticket_id, address)
        wait_until(lambda: service.log.read_text().count(delivery_id) >= 2, MAIL_SECONDS, "two attempts")
        assert bus.outcomes(ticket_id) == []
        own_mail.start()
        own_mail.wait_ready()
        ((kind, data),) = bus.wait_for_outcomes(ticket_id, 1)
    assert kind == "sent"
    assert data.attempt >= 3
    assert len(mailbox(own_mail.imap_port, address)) == 1


def test_a_process_killed_between_sending_and_the_result_sends_again_under_the_same_message_id(
    local_kafka: str, bus: Bus, tmp_path: Path
) -> None:
    ticket_id = new_ticket_id()
    server = StallingServer()
    try:
        with notifier(local_kafka, server.port, tmp_path, **QUICK) as service:
            request(bus, ticket_id, "wang@customer.example")
            assert server.taken.wait(MAIL_SECONDS)
            service.kill()
            start(service, local_kafka, server.port, tmp_path, **QUICK)
            ((kind, data),) = bus.wait_for_outcomes(ticket_id, 1)
    finally:
        server.close()
    assert (kind, data.attempt) == ("sent", 2)
    first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]
    assert first.get_content() == second.get_content()


def quiet_rules(path: Path) -> Path:
    """Write the product's rules, so that only escalations are told, and bundles are gathered for seconds."""
    rules = yaml.safe_load((files("services.notifier") / "rules" / "audience.yaml").read_text("utf-8"))
    for node, told in rules["nodes"].items():
        if node != "escalated":
            rules["nodes"][node] = {priority: {} for priority in told}
    rules["bundling"]["window_seconds"] = {"default": 8}
    path.write_text(yaml.safe_dump(rules), encoding="utf-8")
    return path


def test_thirty_escalations_that_an_outage_held_up_reach_each_owner_as_one_mail(
    local_kafka: str, local_mail: Mail, bus: Bus, tmp_path: Path
) -> None:
    name = new_ticket_id().lower()
    pool, technician_id, supervisor = f"pool-{name}", f"li-{name}", f"supervisor-{name}@desk.example"
    in_the_directory(bus, pool, technician_id, supervisor_email=supervisor)
    tickets = [new_ticket_id() for _ in range(30)]
    customers = [f"{ticket.lower()}@customer.example" for ticket in tickets]
    due_at = CLOCK.now() - timedelta(hours=1)
    for number, (ticket, customer) in enumerate(zip(tickets, customers, strict=True)):
        for event in life_until_assigned(ticket, pool, technician_id, customer):
            bus.send(TICKET_EVENTS, ticket, event, ticket_id=ticket, occurred_at=due_at - timedelta(hours=1))
        fields: dict[str, Any] = {"target": "resolution", "cycle": 1, "step": 1, "level": Level.L2, "late": True}
        event = ticket_event(
            TicketEscalated, ticket, 4, Status.ASSIGNED, role="supervisor", reason="overdue", plan=True, **fields
        )
        occurred_at = due_at - timedelta(minutes=number)
        bus.send(TICKET_EVENTS, ticket, event, ticket_id=ticket, occurred_at=occurred_at)
    settings = {**QUICK, "notifier_audience_path": str(quiet_rules(tmp_path / "audience.yaml"))}
    with notifier(local_kafka, local_mail.smtp_port, tmp_path, **settings):
        for ticket in (tickets[0], tickets[-1]):
            outcomes = bus.wait_for_outcomes(ticket, 3)
            assert [kind for kind, _ in outcomes] == ["sent"] * 3
            assert [data.bundle_id is None for _, data in outcomes].count(True) == 1
    for address in (f"{technician_id}@desk.example", supervisor):
        (mail,) = mailbox(local_mail.imap_port, address)
        body = mail.get_content()
        assert sorted(tickets, key=body.index) == tickets[::-1]
        assert "30" in mail["Subject"]
    assert [len(mailbox(local_mail.imap_port, customer)) for customer in customers] == [1] * 30
