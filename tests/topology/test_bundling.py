"""Bursts: what reaches one person together, what waits for nothing, and that nobody stays untold or is told twice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any, Final

import pytest

from schemas.notifications import DeliveryAttempted, Outcome
from schemas.topics import NOTIFIER_OUTBOX, NOTIFIER_RESULTS, TICKET_NOTIFICATIONS
from schemas.vocabulary import Language, Medium, Role
from services._runtime.engine.driver import START, TopologyDriver
from services._runtime.engine.topology import Event
from services.notifier.adapters.email import compose
from services.notifier.domain.bundling import PARTS_MAX, Item, bundle_id_of, lines_of, recipient_key
from services.notifier.domain.content import LINE_CHARACTERS_MAX, VALUE_CHARACTERS_MAX
from services.notifier.domain.deliveries import Attempt
from services.notifier.handlers.delivery import delivery_topology
from services.notifier.state import OFFERED_MAX, DeliveryState, Recipient
from tests.topology.notifying import CUSTOMER, LEAD, LIBRARY, POOL, SETTINGS, SUPERVISOR, TECHNICIAN, Ticket, pool

HOUR: Final = timedelta(hours=1)
WINDOW_SECONDS: Final = 60


class Office:
    """Both processors of the notifier: tickets, the mails that leave, and what is stated of each."""

    def __init__(self) -> None:
        self.first = Ticket()
        self.delivery: TopologyDriver[DeliveryState] = TopologyDriver(delivery_topology(SETTINGS, LIBRARY))
        self.stated: list[Event] = []
        self.offers: list[Event] = []
        self._tickets = 0

    def ticket(self, priority: str = "P2", *, assigned: bool = True) -> Ticket:
        """Return a further ticket at work, with nobody told of it but by the mails that were already sent."""
        ticket = Ticket(priority=priority, beside=self.first, ticket_id=f"T-{self._tickets:03}")
        self._tickets += 1
        ticket.opened()
        ticket.classified()
        if assigned:
            ticket.assigned()
        self.mails()
        return ticket

    def mails(self, outcome: Outcome = Outcome.SENT) -> list[Attempt]:
        """Return the mails that leave now; the server says `outcome` to each."""
        for event in self.first.driver.read(NOTIFIER_OUTBOX):
            if event.data.bundling is not None:
                self.offers.append(event)
            self._deliver(NOTIFIER_OUTBOX, event)
        left: list[Attempt] = []
        while True:
            for event in self.delivery.read(NOTIFIER_OUTBOX):
                self._deliver(NOTIFIER_OUTBOX, event)
            effects, self.delivery.effects = self.delivery.effects, []
            if not effects:
                break
            for attempt in effects:
                self._result(attempt, outcome)
            left += effects
        assert self.delivery.dead_letters() == self.first.driver.dead_letters() == []
        self.stated += self.delivery.read(TICKET_NOTIFICATIONS)
        return left

    def wait(self, seconds: float) -> list[Attempt]:
        """Let time pass; the mails that leave meanwhile."""
        self.first.driver.advance(seconds)
        self.delivery.advance(seconds)
        return self.mails()

    def sent(self) -> Counter[tuple[str, str, str]]:
        """Return how often each ticket's record says that a role was told at a node, since the last look."""
        stated, self.stated = self.stated, []
        return Counter((event.key, event.data.node, event.data.role) for event in stated)

    def repeat(self, event: Event) -> None:
        """Put an offer on its topic again, as a redrive of the outbox would."""
        self._deliver(NOTIFIER_OUTBOX, event)

    def _deliver(self, topic: Any, event: Event) -> None:
        self.delivery.send(
            topic, event.key, event.data, event_id=event.id, occurred_at=event.occurred_at, subject=event.subject
        )

    def _result(self, attempt: Attempt, outcome: Outcome) -> None:
        data = DeliveryAttempted.new(
            delivery_id=attempt.delivery_id, attempt=attempt.number, outcome=outcome, detail="250"
        )
        self.delivery.send(NOTIFIER_RESULTS, attempt.delivery_id, data)


@pytest.fixture
def office() -> Office:
    return Office()


def to(mails: list[Attempt], address: str) -> list[Attempt]:
    return [mail for mail in mails if mail.address == address]


def missed(office: Office, tickets: list[Ticket]) -> None:
    """An outage ends: each ticket's escalation comes late, the one that was due last first."""
    for number, ticket in enumerate(tickets):
        ticket.escalated(at=office.first.driver.now - HOUR - timedelta(minutes=number))


def test_after_an_outage_each_owner_gets_one_mail_of_all_that_was_missed_in_due_order(office: Office) -> None:
    tickets = [office.ticket() for _ in range(30)]
    office.sent()
    missed(office, tickets)
    at_once = office.mails()
    assert {mail.address for mail in at_once} == {CUSTOMER}
    later = office.wait(WINDOW_SECONDS)
    assert sorted(mail.address for mail in later) == [TECHNICIAN, SUPERVISOR]
    for mail in later:
        assert "30" in mail.subject
        assert len([line for line in mail.body.splitlines() if "T-0" in line]) == 30
        places = [mail.body.index(ticket.ticket_id) for ticket in reversed(tickets)]
        assert places == sorted(places)
    assert office.wait(7 * 86_400) == []


def test_each_ticket_says_on_its_own_record_who_was_told_of_it_in_which_bundle(office: Office) -> None:
    tickets = [office.ticket() for _ in range(3)]
    office.sent()
    missed(office, tickets)
    office.mails()
    mails = office.wait(WINDOW_SECONDS)
    told = [event for event in office.stated if event.data.role != "requester"]
    assert len({event.id for event in told}) == len(told)
    assert {event.data.bundle_id for event in told} == {mail.delivery_id for mail in mails}
    assert office.sent() == Counter(
        (ticket.ticket_id, "escalated", role) for ticket in tickets for role in ("requester", "assignee", "supervisor")
    )


def test_a_bundle_that_comes_back_is_stated_for_each_ticket_in_it(office: Office) -> None:
    missed(office, [office.ticket() for _ in range(2)])
    office.mails()
    (mail, *_) = to(office.wait(WINDOW_SECONDS), SUPERVISOR)
    office.sent()
    office._result(mail, Outcome.BOUNCED)
    office.mails()
    kinds = {(event.key, event.type.split(".")[2], event.data.bundle_id) for event in office.stated}
    assert kinds == {(ticket, "bounced", mail.delivery_id) for ticket in ("T-000", "T-001")}


def test_one_that_is_late_and_alone_reads_as_it_always_did(office: Office) -> None:
    ticket = office.ticket()
    office.sent()
    missed(office, [ticket])
    office.mails()
    (mail,) = to(office.wait(WINDOW_SECONDS), SUPERVISOR)
    assert mail.subject.startswith(f"[{ticket.ticket_id}] ")
    assert not mail.bundled
    assert {event.data.bundle_id for event in office.stated} == {None}


def test_what_is_urgent_and_in_time_waits_for_nothing_whatever_else_is_gathered(office: Office) -> None:
    missed(office, [office.ticket() for _ in range(3)])
    for _ in range(20):
        office.ticket("P0").escalated()
        assert len(to(office.mails(), SUPERVISOR)) == 1


def test_what_is_urgent_and_late_shortens_the_wait_of_all(office: Office) -> None:
    missed(office, [office.ticket(), office.ticket("P0")])
    office.mails()
    (mail,) = to(office.wait(15), SUPERVISOR)
    assert "2" in mail.subject


def test_a_burst_in_time_goes_at_once_for_a_few_and_the_rest_together(office: Office) -> None:
    tickets = [office.ticket() for _ in range(12)]
    office.sent()
    for ticket in tickets:
        ticket.breached()
    assert len(to(office.mails(), LEAD)) == 5
    (rest,) = to(office.wait(WINDOW_SECONDS), LEAD)
    assert "7" in rest.subject
    assert office.sent() == Counter(
        (each.ticket_id, "sla_breached", r) for each in tickets for r in ("assignee", "lead")
    )
    office.wait(WINDOW_SECONDS)
    office.ticket().breached()
    assert len(to(office.mails(), LEAD)) == 1


def test_of_one_clock_only_the_furthest_is_listed_and_all_are_stated(office: Office) -> None:
    ticket, other = office.ticket(assigned=False), office.ticket(assigned=False)
    office.sent()
    now = office.first.driver.now
    for each in (ticket, other):
        each.breached(at=now - HOUR)
        each.escalated(role="lead", at=now - HOUR)
    office.mails()
    (mail,) = to(office.wait(WINDOW_SECONDS), LEAD)
    assert mail.body.count("已升级") == 2
    assert "已超时" not in mail.body
    assert office.sent()["T-000", "sla_breached", "lead"] == 1


def test_one_person_in_two_roles_gets_one_bundle(office: Office) -> None:
    office.first.pools[POOL] = pool(supervisor_email=LEAD.upper())
    missed(office, [office.ticket(), office.ticket()])
    office.ticket(assigned=False).breached(at=office.first.driver.now - HOUR)
    office.mails()
    mails = [mail for mail in office.wait(WINDOW_SECONDS) if mail.address.casefold() == LEAD]
    assert len(mails) == 1


def test_an_offer_that_comes_again_is_gathered_once_also_after_its_bundle_went_out(office: Office) -> None:
    missed(office, [office.ticket(), office.ticket()])
    office.mails()
    for offer in office.offers:
        office.repeat(offer)
    assert len(office.wait(WINDOW_SECONDS)) == 2
    for offer in office.offers:
        office.repeat(offer)
    assert office.wait(WINDOW_SECONDS) == []


def test_an_offer_after_its_time_is_stated_as_failed_and_gathered_by_nobody(office: Office) -> None:
    missed(office, [office.ticket(), office.ticket()])
    office.mails()
    office.wait(3 * 86_400)
    office.sent()
    for offer in office.offers:
        office.repeat(offer)
    assert office.wait(WINDOW_SECONDS) == []
    assert {event.type.split(".")[2] for event in office.stated} == {"failed"}


def test_more_than_a_mail_holds_go_out_in_several(office: Office) -> None:
    tickets = [office.ticket() for _ in range(PARTS_MAX + 7)]
    missed(office, tickets)
    full = to(office.mails(), SUPERVISOR)
    (rest,) = to(office.wait(WINDOW_SECONDS), SUPERVISOR)
    assert (len(full), str(PARTS_MAX) in full[0].subject, "7" in rest.subject) == (1, True, True)
    assert PARTS_MAX * (LINE_CHARACTERS_MAX + 1) <= VALUE_CHARACTERS_MAX


def test_a_crash_while_a_bundle_is_gathered_loses_nothing_of_it(office: Office) -> None:
    missed(office, [office.ticket(), office.ticket()])
    office.mails()
    office.delivery.crash()
    assert len(office.wait(WINDOW_SECONDS)) == 2


def test_what_is_remembered_of_a_recipient_is_bounded_and_leaves_when_nothing_can_come_again(office: Office) -> None:
    tickets = [office.ticket() for _ in range(40)]
    for _ in range(30):
        for ticket in tickets:
            ticket.warned(percent=ticket.sequence)
            ticket.sequence += 1
        office.wait(WINDOW_SECONDS)
    office.wait(WINDOW_SECONDS)
    (technician,) = recipients(office)
    assert len(technician.offered) == OFFERED_MAX
    assert technician.gathered is None
    office.wait(86_400 + WINDOW_SECONDS)
    assert recipients(office) == []


def test_between_bundles_nothing_is_kept_of_an_address_or_of_what_was_said(office: Office) -> None:
    missed(office, [office.ticket(), office.ticket()])
    office.mails()
    office.wait(WINDOW_SECONDS)
    states = [(key, repr(state)) for key, state in office.delivery.states().items() if isinstance(state, Recipient)]
    assert len(states) == 2
    assert not any(mark in text for pair in states for text in pair for mark in ("@", "login"))


def test_a_person_reads_a_bundle_in_the_language_of_theirs_that_comes_first(office: Office) -> None:
    missed(office, [office.ticket(), office.ticket()])
    office.mails()
    mails = office.wait(WINDOW_SECONDS)
    (english,), (chinese,) = to(mails, TECHNICIAN), to(mails, SUPERVISOR)
    assert (english.language, chinese.language) == (Language.EN, Language.ZH_CN)
    assert "2 SLA notices" in english.subject
    assert "2 项时限提醒" in chinese.subject
    assert "escalated to L2" in english.body
    assert "已升级至 L2" in chinese.body


def test_an_answer_to_a_bundle_belongs_to_no_ticket(office: Office) -> None:
    missed(office, [office.ticket(), office.ticket()])
    office.mails()
    (mail, _) = office.wait(WINDOW_SECONDS)
    text = compose(mail, SETTINGS).decode()
    assert f"Message-ID: <{mail.delivery_id}@desk.example>" in text
    assert "References" not in text


def test_lines_are_in_the_order_in_which_clocks_came_due_first() -> None:
    def item(ticket: str, minute: int, rank: int, line: str) -> Item:
        return Item(f"{ticket}.{rank}", ticket, "n", Role.LEAD, "c", rank, line, START + timedelta(minutes=minute))

    items = [item("T-2", 5, 1, "b"), item("T-1", 3, 0, "lost"), item("T-1", 9, 2, "a"), item("T-3", 1, 1, "first")]
    assert lines_of(items) == ["first", "a", "b"]
    assert bundle_id_of(items) == bundle_id_of(items[::-1]) != bundle_id_of(items[1:])


def test_the_key_of_a_recipient_is_that_of_the_address_and_names_nobody() -> None:
    key = recipient_key("s", "acme", Medium.EMAIL, "Li@Desk.example")
    assert key == recipient_key("s", "acme", Medium.EMAIL, " li@desk.example")
    assert key != recipient_key("t", "acme", Medium.EMAIL, "li@desk.example")
    assert key != recipient_key("s", "umbrella", Medium.EMAIL, "li@desk.example")
    assert "desk" not in key


def recipients(office: Office) -> list[Recipient]:
    return [state for state in office.delivery.states().values() if isinstance(state, Recipient)]
