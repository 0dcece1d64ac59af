"""How a delivery is seen through to one ending, event by event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from schemas.notifications import DeliveryAttempted, DeliveryRequested, Outcome
from schemas.topics import CHANGELOGS, NOTIFIER_OUTBOX, NOTIFIER_RESULTS, TICKET_NOTIFICATIONS
from schemas.vocabulary import Language, Medium, Role
from services._runtime.engine.driver import START, TopologyDriver
from services.notifier.adapters.email import compose
from services.notifier.domain.deliveries import Attempt
from services.notifier.handlers.bundling import TOO_LATE
from services.notifier.handlers.delivery import delivery_topology
from services.notifier.state import DeliveryState, Finished, Underway
from tests.topology.notifying import LIBRARY, SETTINGS

DELIVERY: Final = "T-7Q2M.opened.0123456789abcdef0123"
TICKET: Final = "T-7Q2M"
RESULT_SECONDS: Final = SETTINGS.notifier_result_timeout_seconds


class Deliveries:
    """The topology on the synchronous driver, in the words of a delivery."""

    def __init__(self) -> None:
        self.driver: TopologyDriver[DeliveryState] = TopologyDriver(delivery_topology(SETTINGS, LIBRARY))

    def requested(self, delivery_id: str = DELIVERY, **changes: Any) -> None:
        stated: dict[str, Any] = {
            "ticket_id": TICKET,
            "node": "opened",
            "role": Role.REQUESTER,
            "medium": Medium.EMAIL,
            "address": "wang@customer.example",
            "language": Language.ZH_CN,
            "subject": "[T-7Q2M] 已收到",
            "body": "您好\n",
            "give_up_at": START + timedelta(days=1),
            "decided_at": START,
            "position": "ticket.events/0/0",
            "directory_version": 4,
        }
        data = DeliveryRequested.new(delivery_id=delivery_id, **{**stated, **changes})
        self.driver.send(NOTIFIER_OUTBOX, delivery_id, data, subject=TICKET, tenant="umbrella")

    def attempted(self, outcome: Outcome, attempt: int = 1, detail: str = "250", delivery_id: str = DELIVERY) -> None:
        data = DeliveryAttempted.new(delivery_id=delivery_id, attempt=attempt, outcome=outcome, detail=detail)
        self.driver.send(NOTIFIER_RESULTS, delivery_id, data, tenant="umbrella")

    def begun(self) -> list[int]:
        """Return the numbers of the attempts handed over since the last look."""
        return [attempt.number for attempt in self.attempts()]

    def attempts(self) -> list[Attempt]:
        effects, self.driver.effects = self.driver.effects, []
        return effects

    def ended(self) -> list[tuple[str, int, str | None]]:
        """Return kind, attempt and reason of what was stated since the last look."""
        return [
            (event.type.split(".")[2], event.data.attempt, getattr(event.data, "reason", None))
            for event in self.driver.read(TICKET_NOTIFICATIONS)
        ]


@pytest.fixture
def deliveries() -> Deliveries:
    return Deliveries()


# ── the straight way ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_starts_one_attempt_and_its_success_is_stated(deliveries: Deliveries) -> None:
    deliveries.requested()
    state = deliveries.driver.state(DELIVERY)
    assert isinstance(state, Underway)
    assert (state.attempt, state.started) == (1, True)
    assert deliveries.begun() == [1]
    deliveries.attempted(Outcome.SENT)
    event = deliveries.driver.read(TICKET_NOTIFICATIONS)[0]
    assert (event.key, event.subject, event.tenant, event.id) == (TICKET, TICKET, "umbrella", f"{DELIVERY}:sent")
    assert (event.data.node, event.data.role, event.data.medium, event.data.attempt) == (
        "opened",
        "requester",
        "email",
        1,
    )
    deliveries.driver.advance(24 * 3_600)
    assert (deliveries.begun(), deliveries.ended()) == ([], [])


def test_an_ending_says_when_and_on_which_input_it_was_decided(deliveries: Deliveries) -> None:
    deliveries.requested()
    deliveries.driver.advance(30)
    deliveries.attempted(Outcome.SENT)
    event = deliveries.driver.read(TICKET_NOTIFICATIONS)[0]
    assert (event.data.decided_at, event.data.position) == (START + timedelta(seconds=30), "notifier.results/0/0")


def test_an_attempt_carries_the_message_and_its_times(deliveries: Deliveries) -> None:
    deliveries.requested()
    attempt = deliveries.attempts()[0]
    assert (attempt.address, attempt.subject, attempt.body) == ("wang@customer.example", "[T-7Q2M] 已收到", "您好\n")
    assert (attempt.requested_at, attempt.tenant, attempt.ticket_id) == (START, "umbrella", TICKET)
    assert attempt.begin_before == START + timedelta(seconds=45)
    assert attempt.result_due_at == START + timedelta(seconds=120)


def test_a_finished_delivery_forgets_what_was_said_and_leaves_by_tombstone(deliveries: Deliveries) -> None:
    deliveries.requested()
    deliveries.attempted(Outcome.SENT)
    last = deliveries.driver.read_bytes(CHANGELOGS["notifier", "deliveries"])[-1]
    assert last.value is not None
    assert b"customer.example" not in last.value
    assert "您好".encode() not in last.value
    deliveries.driver.advance(SETTINGS.notifier_delivery_kept_seconds)
    assert deliveries.driver.states() == {}
    assert deliveries.driver.read_bytes(CHANGELOGS["notifier", "deliveries"])[-1].value is None


# ── endings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refusal_fails_at_once_with_its_reason(deliveries: Deliveries) -> None:
    deliveries.requested()
    deliveries.attempted(Outcome.REFUSED, detail="550 5.1.1 (recipient)")
    assert deliveries.ended() == [("failed", 1, "550 5.1.1 (recipient)")]
    deliveries.driver.advance(24 * 3_600)
    assert deliveries.begun() == [1]


def test_an_unreachable_server_is_asked_again_ever_later_and_then_the_mail_is_sent(deliveries: Deliveries) -> None:
    deliveries.requested()
    waits = []
    for attempt in range(1, 6):
        assert deliveries.begun() == [attempt]
        deliveries.attempted(Outcome.UNREACHABLE, attempt, detail="connect")
        due_at = deliveries.driver.timers(DELIVERY)["next_attempt"]
        waits.append((due_at - deliveries.driver.now).total_seconds())
        deliveries.driver.advance(waits[-1] - 0.001)
        assert deliveries.begun() == []
        deliveries.driver.advance(0.001)
    for wait, longest in zip(waits, [5, 10, 20, 40, 80], strict=True):
        assert longest * 0.75 <= wait <= longest
    deliveries.attempted(Outcome.SENT, 6)
    assert deliveries.ended() == [("sent", 6, None)]


def test_a_p0_that_stays_unreachable_fails_within_its_minutes(deliveries: Deliveries) -> None:
    deliveries.requested(give_up_at=START + timedelta(minutes=15))
    attempt = 0
    while not (ended := deliveries.ended()):
        for attempt in deliveries.begun():
            deliveries.attempted(Outcome.UNREACHABLE, attempt, detail="421 (connect)")
        deliveries.driver.advance(1)
    assert ended == [("failed", attempt, f"given up after {attempt} attempts, the last one: 421 (connect)")]
    assert attempt == 8
    assert deliveries.driver.now < START + timedelta(minutes=15)
    assert isinstance(deliveries.driver.state(DELIVERY), Finished)


def test_a_bounce_is_stated_also_after_the_mail_was_sent_and_once(deliveries: Deliveries) -> None:
    deliveries.requested()
    deliveries.attempted(Outcome.SENT)
    deliveries.driver.advance(3_600)
    for _ in range(2):
        deliveries.attempted(Outcome.BOUNCED, detail="5.1.1")
    assert deliveries.ended() == [("sent", 1, None), ("bounced", 1, "5.1.1")]
    assert set(deliveries.driver.timers(DELIVERY)) == {"forget"}


def test_a_bounce_that_overtakes_the_result_ends_the_delivery(deliveries: Deliveries) -> None:
    deliveries.requested()
    deliveries.attempted(Outcome.BOUNCED, detail="5.1.1")
    deliveries.attempted(Outcome.SENT)
    assert deliveries.ended() == [("bounced", 1, "5.1.1")]


# ── silence ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_crash_between_start_and_result_is_noticed_and_the_same_mail_sent_again(deliveries: Deliveries) -> None:
    deliveries.requested()
    first = deliveries.attempts()[0]
    deliveries.driver.crash()
    deliveries.driver.advance(RESULT_SECONDS - 0.001)
    assert deliveries.attempts() == []
    deliveries.driver.advance(0.001)
    second = deliveries.attempts()[0]
    assert second.number == 2
    lines = [compose(attempt, SETTINGS).splitlines() for attempt in (first, second)]
    differing = [pair for pair in zip(*lines, strict=True) if pair[0] != pair[1]]
    assert [pair[0].partition(b":")[0] for pair in differing] == [b"X-Aftercare-Delivery"]
    deliveries.attempted(Outcome.SENT, 2)
    assert deliveries.ended() == [("sent", 2, None)]


def test_a_crash_never_repeats_an_attempt_by_itself(deliveries: Deliveries) -> None:
    deliveries.requested()
    deliveries.begun()
    for _ in range(3):
        deliveries.driver.crash()
        deliveries.requested()
    assert deliveries.begun() == []


def test_after_a_few_silent_attempts_it_is_unknown_whether_the_mail_arrived(deliveries: Deliveries) -> None:
    deliveries.requested()
    deliveries.driver.advance(3 * RESULT_SECONDS - 1)
    assert (deliveries.begun(), deliveries.ended()) == ([1, 2, 3], [])
    deliveries.driver.advance(1)
    assert deliveries.ended() == [("unknown", 3, "nothing came back from 3 of 3 attempts")]
    deliveries.driver.advance(24 * 3_600)
    assert deliveries.begun() == []


def test_a_silent_attempt_past_the_time_to_give_up_is_the_last(deliveries: Deliveries) -> None:
    deliveries.requested(give_up_at=START + timedelta(seconds=60))
    deliveries.driver.advance(RESULT_SECONDS)
    assert deliveries.ended() == [("unknown", 1, "nothing came back from 1 of 1 attempts")]


def test_giving_up_after_a_silence_is_unknown_and_not_failed(deliveries: Deliveries) -> None:
    deliveries.requested(give_up_at=START + timedelta(seconds=RESULT_SECONDS + 5))
    deliveries.driver.advance(RESULT_SECONDS)
    deliveries.attempted(Outcome.UNREACHABLE, 2, detail="connect")
    assert deliveries.ended() == [("unknown", 2, "given up after 2 attempts, the last one: connect")]


def test_an_outage_of_ours_does_not_start_attempts_in_a_burst(deliveries: Deliveries) -> None:
    deliveries.requested()
    deliveries.begun()
    deliveries.driver.sleep_through(10 * RESULT_SECONDS)
    deliveries.driver.advance(0)
    assert deliveries.begun() == [2]


# ── what does nothing ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("result", [None, Outcome.SENT, Outcome.REFUSED, Outcome.UNREACHABLE])
def test_a_request_that_comes_again_does_nothing(deliveries: Deliveries, result: Outcome | None) -> None:
    deliveries.requested()
    if result is not None:
        deliveries.attempted(result)
    before = deliveries.driver.states()
    deliveries.begun()
    deliveries.ended()
    deliveries.requested()
    assert (deliveries.begun(), deliveries.ended(), deliveries.driver.states()) == ([], [], before)


def test_the_result_of_an_older_attempt_does_nothing(deliveries: Deliveries) -> None:
    deliveries.requested()
    deliveries.driver.advance(RESULT_SECONDS)
    deliveries.attempted(Outcome.REFUSED, 1, detail="550")
    deliveries.attempted(Outcome.SENT, 3)
    assert deliveries.ended() == []
    deliveries.attempted(Outcome.SENT, 2)
    assert deliveries.ended() == [("sent", 2, None)]


def test_a_result_that_comes_again_while_the_next_attempt_waits_does_nothing(deliveries: Deliveries) -> None:
    deliveries.requested()
    deliveries.attempted(Outcome.UNREACHABLE)
    due_at = deliveries.driver.timers(DELIVERY)
    deliveries.driver.advance(1)
    deliveries.attempted(Outcome.UNREACHABLE)
    assert deliveries.driver.timers(DELIVERY) == due_at


@pytest.mark.parametrize("outcome", [Outcome.SENT, Outcome.REFUSED, Outcome.UNREACHABLE])
def test_a_result_of_a_finished_delivery_does_nothing(deliveries: Deliveries, outcome: Outcome) -> None:
    deliveries.requested()
    deliveries.attempted(Outcome.SENT)
    deliveries.ended()
    deliveries.begun()
    deliveries.attempted(outcome)
    deliveries.driver.advance(3_600)
    assert (deliveries.ended(), deliveries.begun()) == ([], [])


def test_a_bounce_of_a_delivery_that_failed_does_nothing(deliveries: Deliveries) -> None:
    deliveries.requested()
    deliveries.attempted(Outcome.REFUSED, detail="550")
    deliveries.attempted(Outcome.BOUNCED)
    assert deliveries.ended() == [("failed", 1, "550")]


def test_a_result_of_an_unknown_delivery_does_nothing(deliveries: Deliveries) -> None:
    deliveries.attempted(Outcome.SENT)
    assert (deliveries.ended(), deliveries.driver.states()) == ([], {})


def test_a_request_that_is_replayed_after_its_time_reaches_nobody(deliveries: Deliveries) -> None:
    deliveries.driver.sleep_through(24 * 3_600)
    deliveries.requested()
    assert deliveries.begun() == []
    assert deliveries.ended() == [("failed", 1, TOO_LATE)]


def test_a_request_for_a_medium_without_a_sender_becomes_a_dead_letter(deliveries: Deliveries) -> None:
    deliveries.requested(medium=Medium.IN_APP)
    assert deliveries.begun() == []
    assert len(deliveries.driver.dead_letters()) == 1


def test_deliveries_do_not_wait_for_each_other(deliveries: Deliveries) -> None:
    for number in range(5):
        deliveries.requested(f"{DELIVERY}-{number}")
    assert deliveries.begun() == [1] * 5
    deliveries.attempted(Outcome.SENT, delivery_id=f"{DELIVERY}-3")
    assert len(deliveries.ended()) == 1
