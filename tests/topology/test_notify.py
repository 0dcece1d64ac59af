"""Who is told what, event by event."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from schemas.directory import TechnicianDefined, TemplateDefined
from schemas.ticket_events import ROUTING
from schemas.topics import CHANGELOGS, NOTIFIER_OUTBOX, TICKET_NOTIFICATIONS
from schemas.vocabulary import Language, Level, Role
from services._runtime.engine.driver import START, TopologyDriver
from services._runtime.web.tokens import AUDIENCE_PROGRESS, AUDIENCE_SURVEY, TokenRefused, open_link
from services.notifier.domain.audience import NODES_OF_POOLS
from services.notifier.domain.nodes import Node
from services.notifier.handlers import notify, recipients
from services.notifier.state import NOTICES_MAX, TOLD_MAX, Early, Gone, Known
from tests.topology.notifying import (
    ADDRESSES,
    AUDIENCE,
    CUSTOMER,
    LIBRARY,
    POOL,
    SETTINGS,
    TICKET,
    Ticket,
    pool,
    technician,
)

NODES = [node for node in Node if node not in NODES_OF_POOLS]
"""Those in a ticket's life."""
TOLD_AT_P2 = {
    Node.OPENED: ["requester"],
    Node.ASSIGNED: ["requester", "assignee"],
    Node.IN_PROGRESS: ["requester"],
    Node.REPLIED: ["requester"],
    Node.CUSTOMER_REPLIED: ["assignee"],
    Node.ESCALATED: ["requester", "assignee", "supervisor"],
    Node.RESOLVED: ["requester"],
    Node.CLOSED: ["requester"],
    Node.REOPENED: ["requester", "assignee", "lead"],
    Node.SURVEY_OFFERED: ["requester"],
    Node.SLA_WARNED: ["assignee"],
    Node.SLA_BREACHED: ["assignee", "lead"],
}
TOLD_AT_P0 = TOLD_AT_P2 | {
    Node.OPENED: ["requester", "lead", "supervisor", "director"],
    Node.ESCALATED: ["requester", "assignee", "lead", "supervisor"],
    Node.RESOLVED: ["requester", "lead", "supervisor", "director"],
    Node.REOPENED: ["requester", "assignee", "lead", "supervisor"],
    Node.SLA_WARNED: ["assignee", "lead", "supervisor"],
    Node.SLA_BREACHED: ["assignee", "lead", "supervisor", "director"],
}
CUSTOMER_NODES = [node for node, roles in TOLD_AT_P2.items() if "requester" in roles]


def link(body: str, kind: str) -> str:
    found = re.search(rf"https://\S+/{kind}/(\S+)", body)
    assert found is not None, body
    return found[1]


# ── what a decision went by ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_says_when_on_which_input_and_by_which_directory_it_was_decided() -> None:
    ticket = Ticket()
    ticket.directory_version = 7
    ticket.opened()
    ticket.driver.advance(90)
    ticket.directory_version = 8
    ticket.assigned()
    opened, *assigned = ticket.outbox()
    assert (opened.data.decided_at, opened.data.position) == (START, "ticket.events/0/0")
    assert opened.data.directory_version == 7
    assert [(each.data.decided_at, each.data.position, each.data.directory_version) for each in assigned] == [
        (START + timedelta(seconds=90), "ticket.events/0/1", 8)
    ] * 2


def test_a_suppression_says_the_same() -> None:
    ticket = Ticket()
    ticket.directory_version = 7
    ticket.opened(email=None)
    ticket.driver.advance(90)
    ticket.directory_version = 8
    ticket.assigned("nobody")
    first, *others = [event.data for event in ticket.driver.read(TICKET_NOTIFICATIONS)]
    assert (first.decided_at, first.position, first.directory_version) == (START, "ticket.events/0/0", 7)
    assert {(each.decided_at, each.position, each.directory_version) for each in others} == {
        (START + timedelta(seconds=90), "ticket.events/0/1", 8)
    }


def test_the_directory_version_is_taken_before_anything_is_looked_up() -> None:
    ticket = Ticket()
    ticket.opened()
    ticket.outbox()

    def changes_meanwhile(technician_id: str) -> TechnicianDefined | None:
        ticket.directory_version += 1
        return technician(technician_id)

    ticket.driver = TopologyDriver(
        notify.notify_topology(
            SETTINGS,
            AUDIENCE,
            LIBRARY,
            recipients.Lookups(
                technician=changes_meanwhile,
                pool=ticket.pools.get,
                template=ticket.templates.get,
                version=lambda: ticket.directory_version,
            ),
        )
    )
    ticket.opened()
    ticket.assigned()
    assert {each.data.directory_version for each in ticket.outbox()} == {0}


# ── nodes and languages ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("priority", "told"), [("P2", TOLD_AT_P2), ("P0", TOLD_AT_P0)])
@pytest.mark.parametrize("node", NODES)
def test_each_node_tells_whom_the_rules_name_at_their_addresses(
    node: Node, priority: str, told: dict[Node, list[str]]
) -> None:
    events = Ticket(priority=priority).until(node)
    assert [(event.data.role, event.data.address) for event in events] == [
        (role, ADDRESSES[role]) for role in told[node]
    ]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("node", CUSTOMER_NODES)
def test_the_customer_reads_of_each_node_in_their_language(node: Node, language: Language) -> None:
    event = Ticket(language=language).until(node)[0]
    said = event.data.subject + event.data.body
    assert event.data.language is language
    assert event.data.subject.startswith(f"[{TICKET}] ")
    assert "无法登录 login fails" in said
    assert "{" not in said
    assert ("您" in said) is (language is Language.ZH_CN)
    assert ("王先生" in event.data.body) is True


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("node", [node for node in NODES if node is not Node.SURVEY_OFFERED])
def test_our_people_read_in_the_language_of_theirs_that_comes_first(node: Node, language: Language) -> None:
    settings = SETTINGS.model_copy(update={"notifier_staff_language": language})
    ticket = Ticket(priority="P0", settings=settings)
    ticket.technicians["li"] = technician(languages=[language])
    events = [event for event in ticket.until(node) if event.data.role != Role.REQUESTER]
    for event in events:
        assert event.data.language is language
        assert event.data.subject.startswith(f"[{TICKET}] P0")
        assert ("工单" in event.data.body) is (language is Language.ZH_CN)
        assert "/progress/" not in event.data.body
        assert "{" not in event.data.subject + event.data.body


@pytest.mark.parametrize("node", CUSTOMER_NODES)
def test_every_mail_to_the_customer_has_a_progress_link_that_opens_their_ticket(node: Node) -> None:
    event = Ticket().until(node)[0]
    token = link(event.data.body, "progress")
    opened = open_link(SETTINGS.secret, token, audience=AUDIENCE_PROGRESS, now=START)
    assert (opened.tenant, opened.subject) == ("acme", TICKET)


def test_the_survey_link_opens_the_survey_until_it_expires() -> None:
    ticket = Ticket()
    event = ticket.until(Node.SURVEY_OFFERED)[0]
    token = link(event.data.body, "survey")
    opened = open_link(SETTINGS.secret, token, audience=AUDIENCE_SURVEY, now=START + timedelta(days=6))
    assert (opened.tenant, opened.subject) == ("acme", f"{TICKET}/s-1")
    with pytest.raises(TokenRefused):
        open_link(SETTINGS.secret, token, audience=AUDIENCE_SURVEY, now=START + timedelta(days=7))
    assert "2026-01-14 16:00 (UTC+08:00)" in event.data.body


def test_only_the_survey_mail_has_a_survey_link() -> None:
    for node in CUSTOMER_NODES:
        body = Ticket().until(node)[0].data.body
        assert ("/survey/" in body) is (node is Node.SURVEY_OFFERED)


def test_the_answer_and_the_solution_reach_the_customer() -> None:
    assert "请重启 please restart" in Ticket().until(Node.REPLIED)[0].data.body
    assert "已重置密码 password reset" in Ticket().until(Node.RESOLVED)[0].data.body


def test_what_the_customer_wrote_is_in_no_mail() -> None:
    for node in NODES:
        assert all("secret details" not in event.data.body for event in Ticket(priority="P0").until(node))


def test_a_technician_reads_the_target_in_words() -> None:
    ticket = Ticket()
    ticket.technicians["li"] = technician(languages=[Language.ZH_CN])
    assert "解决时限已用去 75%" in ticket.until(Node.SLA_WARNED)[0].data.body


# ── whom ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_pools_people_hear_of_an_opening_once_the_ticket_has_a_pool() -> None:
    ticket = Ticket(priority="P1")
    ticket.opened()
    assert ticket.told() == [("opened", "requester")]
    ticket.classified()
    assert ticket.told() == [("opened", "lead"), ("opened", "supervisor")]
    ticket.classified()
    assert ticket.told() == []


def test_the_lead_stands_in_while_nobody_is_assigned() -> None:
    ticket = Ticket()
    ticket.until(Node.OPENED)
    ticket.warned()
    assert ticket.told() == [("sla_warned", "lead")]


def test_one_address_in_two_roles_is_told_once() -> None:
    ticket = Ticket(priority="P0")
    ticket.pools[POOL] = pool(supervisor_email="LEAD@desk.example")
    assert [event.data.role for event in ticket.until(Node.SLA_BREACHED)] == ["assignee", "lead", "director"]


def test_each_step_of_a_ladder_reaches_its_role_and_the_customer_hears_of_the_first() -> None:
    ticket = Ticket()
    ticket.until(Node.IN_PROGRESS)
    ticket.escalated("supervisor", step=1)
    assert ticket.told() == [("escalated", "requester"), ("escalated", "assignee"), ("escalated", "supervisor")]
    ticket.escalated("director", step=2)
    assert ticket.told() == [("escalated", "assignee"), ("escalated", "director")]


def test_all_roles_of_a_step_are_told_and_a_pool_without_an_emergency_team_has_its_director() -> None:
    ticket = Ticket()
    ticket.until(Node.IN_PROGRESS)
    ticket.escalated("emergency_team", others=("lead",))
    assert ticket.told() == [
        ("escalated", "requester"),
        ("escalated", "assignee"),
        ("escalated", "emergency_team"),
        ("escalated", "lead"),
    ]


def test_an_escalation_of_a_closed_ticket_is_no_matter_of_the_customer() -> None:
    ticket = Ticket()
    ticket.until(Node.CLOSED)
    ticket.escalated("supervisor", target="survey")
    assert ticket.told() == [("escalated", "assignee"), ("escalated", "supervisor")]


def test_that_nobody_takes_a_ticket_is_told_to_the_lead_and_not_to_the_customer() -> None:
    ticket = Ticket()
    ticket.until(Node.IN_PROGRESS)
    ticket.escalated("lead", target=ROUTING)
    assert ("escalated", "lead") in (told := ticket.told())
    assert ("escalated", "requester") not in told


def test_a_ladder_role_that_nobody_knows_goes_to_the_supervisor() -> None:
    ticket = Ticket()
    ticket.until(Node.IN_PROGRESS)
    ticket.escalated("board")
    assert ("escalated", "supervisor") in ticket.told()


def test_a_raised_priority_decides_who_is_told_next() -> None:
    ticket = Ticket(priority="P3")
    ticket.until(Node.OPENED)
    ticket.classified("P0")
    ticket.warned()
    assert ticket.told() == [("sla_warned", "lead"), ("sla_warned", "supervisor")]


def test_a_p0_is_tried_for_minutes_and_a_p2_for_a_day() -> None:
    for priority, wait in [("P0", timedelta(minutes=15)), ("P2", timedelta(days=1)), ("X9", timedelta(days=1))]:
        event = Ticket(priority=priority).until(Node.OPENED)[0]
        assert event.data.give_up_at == START + wait


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (None, recipients.NO_ADDRESS),
        ("", recipients.NO_ADDRESS),
        ("nobody", recipients.BAD_ADDRESS),
        ("a@b.example\r\nBcc: c@d.example", recipients.BAD_ADDRESS),
        ("a@b.example, c@d.example", recipients.BAD_ADDRESS),
        ("Support@Desk.example", recipients.OWN_ADDRESS),
    ],
)
def test_a_customer_who_cannot_be_written_to_is_suppressed_with_the_reason(address: str | None, reason: str) -> None:
    ticket = Ticket()
    ticket.opened(email=address)
    assert ticket.outbox() == []
    assert ticket.suppressed() == [("opened", "requester", reason)]


def test_a_technician_who_is_not_in_the_directory_is_suppressed() -> None:
    ticket = Ticket()
    ticket.until(Node.OPENED)
    ticket.assigned("nobody")
    assert ticket.told() == [("assigned", "requester")]
    assert ticket.suppressed() == [("assigned", "assignee", recipients.NO_ADDRESS)]


def test_what_happened_too_long_ago_is_told_to_no_one() -> None:
    ticket = Ticket(start=START + timedelta(seconds=SETTINGS.notifier_stale_after_seconds + 1))
    ticket.opened(occurred_at=START)
    assert ticket.outbox() == []
    assert ticket.suppressed() == [("opened", "requester", notify.STALE)]


# ── once ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("node", NODES)
def test_an_event_that_comes_again_tells_nobody_again(node: Node) -> None:
    ticket = Ticket(priority="P0")
    ticket.until(node)
    ticket.suppressed()
    ticket.repeat(copies=2)
    assert (ticket.told(), ticket.suppressed()) == ([], [])


def test_an_old_closing_that_comes_again_does_not_end_a_reopened_ticket() -> None:
    ticket = Ticket()
    ticket.until(Node.CLOSED)
    closing = ticket.last
    ticket.reopened()
    ticket.told()
    ticket.driver.send(closing.topic, TICKET, closing.data, occurred_at=closing.occurred_at)
    assert (ticket.told(), ticket.driver.timers(TICKET)) == ([], {})


def test_work_begun_twice_in_a_cycle_is_told_once_and_again_in_the_next() -> None:
    ticket = Ticket()
    ticket.until(Node.IN_PROGRESS)
    ticket.accepted()
    assert ticket.told() == []
    ticket.resolved()
    ticket.reopened(cycle=2)
    ticket.told()
    ticket.accepted()
    assert ticket.told() == [("in_progress", "requester")]


def test_each_answer_and_each_assignment_is_told() -> None:
    ticket = Ticket()
    ticket.until(Node.ASSIGNED)
    ticket.replied()
    ticket.replied()
    ticket.assigned()
    assert ticket.told() == [
        ("replied", "requester"),
        ("replied", "requester"),
        ("assigned", "requester"),
        ("assigned", "assignee"),
    ]


def test_a_warning_is_told_once_for_each_percentage_target_and_cycle() -> None:
    ticket = Ticket()
    ticket.until(Node.ASSIGNED)
    for percent, target, cycle in [(75, "resolution", 1), (75, "resolution", 1), (90, "resolution", 1)]:
        ticket.warned(percent, target, cycle)
    assert len(ticket.told()) == 2
    ticket.warned(75, "first_response", 1)
    ticket.warned(75, "resolution", 2)
    assert len(ticket.told()) == 2


def test_the_same_life_gives_the_same_bytes() -> None:
    written = []
    for _ in range(2):
        ticket = Ticket(priority="P0")
        ticket.until(Node.REOPENED)
        written.append([ticket.driver.read_bytes(topic) for topic in (NOTIFIER_OUTBOX, TICKET_NOTIFICATIONS)])
    assert written[0] == written[1]


def test_delivery_ids_are_unique_and_hold_no_personal_data() -> None:
    ticket = Ticket(priority="P0")
    ticket.until(Node.REOPENED)
    outputs = ticket.driver.read_bytes(NOTIFIER_OUTBOX)
    keys = [output.key.decode() for output in outputs]
    assert len(set(keys)) == len(keys) > 20
    assert all(re.fullmatch(rf"{TICKET}\.[a-z_]+\.[0-9a-f]{{20}}", key) for key in keys)


def test_a_crash_between_events_forgets_nothing() -> None:
    ticket = Ticket()
    ticket.until(Node.IN_PROGRESS)
    ticket.driver.crash()
    ticket.repeat()
    assert ticket.told() == []
    ticket.replied()
    assert ticket.told() == [("replied", "requester")]


def test_events_of_a_ticket_that_was_never_opened_do_nothing() -> None:
    ticket = Ticket()
    ticket.assigned()
    assert (ticket.told(), ticket.suppressed(), ticket.driver.states()) == ([], [], {})


# ── clocks before the opening ───────────────────────────────────────────────────────────────────────────────────────


def test_what_a_clock_says_before_the_opening_is_read_is_told_after_it() -> None:
    ticket = Ticket()
    ticket.breached()
    assert (ticket.told(), ticket.suppressed()) == ([], [])
    ticket.opened()
    ticket.warned(90, "first_response")
    assert ticket.told() == [("opened", "requester")]
    ticket.classified()
    assert ticket.told() == [("sla_breached", "lead"), ("sla_warned", "lead")]


def test_clocks_without_an_opening_are_bounded_and_forgotten() -> None:
    ticket = Ticket()
    for cycle in range(1, NOTICES_MAX + 5):
        ticket.breached(cycle=cycle)
    state = ticket.driver.state(TICKET)
    assert isinstance(state, Early)
    assert [notice.cycle for notice in state.notices] == list(range(5, NOTICES_MAX + 5))
    ticket.driver.advance(notify.EARLY_KEPT.total_seconds())
    assert ticket.driver.states() == {}


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_closed_ticket_shrinks_keeps_its_contact_for_a_while_and_leaves() -> None:
    ticket = Ticket()
    ticket.until(Node.CLOSED)
    state = ticket.driver.state(TICKET)
    assert isinstance(state, Known)
    assert (state.told, state.notices, state.address) == ((), (), CUSTOMER)
    ticket.driver.advance(SETTINGS.notifier_contact_kept_seconds)
    assert ticket.driver.state(TICKET) == Gone(ticket.sequence)
    ticket.driver.advance(SETTINGS.notifier_ticket_kept_seconds - SETTINGS.notifier_contact_kept_seconds)
    assert ticket.driver.states() == {}
    assert ticket.driver.read_bytes(CHANGELOGS["notifier", "tickets"])[-1].value is None


def test_a_reopened_ticket_is_no_longer_about_to_be_forgotten() -> None:
    ticket = Ticket()
    ticket.until(Node.REOPENED)
    assert ticket.driver.timers(TICKET) == {}
    ticket.driver.advance(SETTINGS.notifier_ticket_kept_seconds)
    ticket.replied()
    assert ticket.told() == [("replied", "requester")]


def test_who_reopens_after_the_contact_was_forgotten_is_suppressed() -> None:
    ticket = Ticket()
    ticket.until(Node.CLOSED)
    ticket.driver.advance(SETTINGS.notifier_contact_kept_seconds)
    ticket.reopened()
    ticket.customer_replied()
    assert ticket.told() == []
    assert ticket.suppressed() == [("reopened", "requester", notify.CONTACT_FORGOTTEN)]
    ticket.repeat()
    assert ticket.suppressed() == []


def test_nobody_is_warned_of_a_ticket_that_has_ended() -> None:
    ticket = Ticket()
    ticket.until(Node.CLOSED)
    ticket.warned(99)
    assert ticket.told() == []
    ticket.breached("customer_notified")
    assert ticket.told() == [("sla_breached", "assignee"), ("sla_breached", "lead")]


def test_what_clocks_told_is_bounded() -> None:
    ticket = Ticket()
    ticket.until(Node.ASSIGNED)
    for cycle in range(1, TOLD_MAX + 10):
        ticket.breached("next_response", cycle)
    state = ticket.driver.state(TICKET)
    assert isinstance(state, Known)
    assert len(state.told) == TOLD_MAX


def test_what_is_told_once_a_cycle_is_not_forgotten_over_all_else_that_is_told() -> None:
    ticket = Ticket()
    ticket.until(Node.ASSIGNED)
    ticket.escalated(step=1)
    assert ("escalated", "requester") in ticket.told()
    for cycle in range(1, TOLD_MAX):
        ticket.replied()
        ticket.breached("next_response", cycle)
        ticket.told()
    ticket.escalated(step=2)
    told = ticket.told()
    assert ("escalated", "supervisor") in told
    assert ("escalated", "requester") not in told


# ── content ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def template(subject: str, body: str, language: Language = Language.EN) -> TemplateDefined:
    return TemplateDefined.new(
        template_id=f"opened.customer.{language}", node="opened", language=language, subject=subject, body=body
    )


def test_a_template_of_the_directory_replaces_the_packages_but_not_id_and_link() -> None:
    ticket = Ticket(language=Language.EN)
    ticket.templates["opened.customer.en"] = template("Got it", "Hi {{ recipient_name }}, {{ priority }}.")
    data = ticket.until(Node.OPENED)[0].data
    assert data.subject == f"[{TICKET}] Got it"
    assert data.body.startswith("Hi 王先生, P2.\n\n--\n")
    assert link(data.body, "progress")


@pytest.mark.parametrize("body", ["{{ nope }}", "{% for a in 'xyz' %}{% endfor %}", "{{ unclosed", "{{ reply.x }}"])
def test_a_broken_template_of_the_directory_is_passed_over(body: str) -> None:
    ticket = Ticket(language=Language.EN)
    ticket.templates["opened.customer.en"] = template("Got it", body)
    assert "We have received your request" in ticket.until(Node.OPENED)[0].data.body
    assert ticket.driver.dead_letters() == []


def test_an_endless_answer_is_cut_to_what_a_mail_holds() -> None:
    ticket = Ticket()
    ticket.until(Node.ASSIGNED)
    ticket.replied("长" * 100_000)
    data = ticket.outbox()[0].data
    assert 30_000 < len(data.body) < 50_000
    assert link(data.body, "progress")
    assert ticket.driver.dead_letters() == []


def test_times_are_written_in_the_zone_of_the_settings() -> None:
    settings = SETTINGS.model_copy(update={"notifier_timezone": "Europe/Berlin"})
    assert "2026-01-10 09:00 (UTC+01:00)" in Ticket(settings=settings).until(Node.RESOLVED)[0].data.body


def test_the_level_is_named_when_a_ticket_is_escalated() -> None:
    assert Level.L2 in Ticket(language=Language.EN).until(Node.ESCALATED)[0].data.body
