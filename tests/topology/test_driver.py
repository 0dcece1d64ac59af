"""What the engine promises, shown on the synchronous driver."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.dead_letters import Reason
from schemas.parts import Actor
from schemas.ticket_commands import AddCustomerMessage, CancelTicket
from schemas.topics import INTAKE_REQUESTS, TICKET_COMMANDS, TICKET_EVENTS, TICKET_FEEDBACK
from schemas.vocabulary import ActorKind
from services._runtime.engine.batch import PartitionBatch
from services._runtime.engine.codec import Entry
from services._runtime.engine.driver import START, TopologyDriver
from services._runtime.engine.engine import Engine, TooManyDeadLettersError, TooManyParkedKeysError
from services._runtime.engine.topology import Context, Decision, Emit, Handled, Timer
from tests.topology.counting import HUGE, POISON, POISON_TIMER, REMIND_SECONDS, Counted, Counting, message

TICKET = "T-1"


@pytest.fixture
def driver() -> TopologyDriver[Counted]:
    return TopologyDriver(Counting().topology())


def cancel() -> CancelTicket:
    actor = Actor.new(kind=ActorKind.COORDINATOR, actor_id="c")
    return CancelTicket.new(ticket_id=TICKET, actor=actor, reason="enough")


def test_an_event_changes_state_and_writes_its_output(driver: TopologyDriver[Counted]) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    events = driver.read(TICKET_EVENTS)
    assert [event.id for event in events] == ["T-1:1", "T-1:2"]
    assert [event.tenant for event in events] == ["acme", "acme"]
    assert events[0].occurred_at == START
    assert driver.state(TICKET) == Counted(2, "still broken", "acme")
    assert driver.effects == ["T-1:1", "T-1:2"]


def test_the_position_of_the_input_is_written_into_the_decision(driver: TopologyDriver[Counted]) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    assert driver.read(TICKET_EVENTS)[0].data.position == "ticket.commands/0/0"


def test_a_timer_fires_when_it_is_due_and_once_only(driver: TopologyDriver[Counted]) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    driver.advance(59.9)
    assert driver.read(TICKET_FEEDBACK) == []
    driver.advance(0.1)
    assert [event.id for event in driver.read(TICKET_FEEDBACK)] == ["T-1:remind:1"]
    driver.advance(10_000)
    assert driver.read(TICKET_FEEDBACK) == []


def test_a_replaced_timer_does_nothing(driver: TopologyDriver[Counted]) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    driver.advance(30)
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    driver.advance(1_000)
    assert [event.id for event in driver.read(TICKET_FEEDBACK)] == ["T-1:remind:2"]


def test_a_forgotten_key_takes_its_timers_with_it(driver: TopologyDriver[Counted]) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    driver.send(TICKET_COMMANDS, TICKET, cancel())
    driver.advance(1_000)
    assert driver.read(TICKET_FEEDBACK) == []
    assert driver.states() == {}


def test_after_a_crash_state_and_timers_are_as_before(driver: TopologyDriver[Counted]) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    driver.crash()
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    driver.crash()
    assert driver.state(TICKET) == Counted(2, "still broken", "acme")
    driver.advance(1_000)
    assert [event.id for event in driver.read(TICKET_FEEDBACK)] == ["T-1:remind:2"]
    driver.crash()
    driver.advance(1_000)
    assert driver.read(TICKET_FEEDBACK) == []


def test_missed_timers_fire_in_due_order_after_an_outage(driver: TopologyDriver[Counted]) -> None:
    for number, ticket in enumerate(("T-c", "T-a", "T-b")):
        driver.send(TICKET_COMMANDS, ticket, message(ticket), occurred_at=START + timedelta(seconds=number))
    driver.sleep_through(10_000)
    driver.crash()
    driver.advance(0)
    assert [event.key for event in driver.read(TICKET_FEEDBACK)] == ["T-c", "T-a", "T-b"]


def test_an_undecodable_record_is_set_aside_and_the_next_key_goes_on(driver: TopologyDriver[Counted]) -> None:
    driver.send_bytes(TICKET_COMMANDS, "T-bad", b"{no json")
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    (letter,) = driver.dead_letters()
    assert letter.reason is Reason.UNDECODABLE
    assert (letter.source_topic, letter.source_partition, letter.source_offset) == ("ticket.commands", 0, 0)
    assert letter.key == "T-bad"
    assert driver.state(TICKET) is not None


def test_an_event_that_breaks_its_contract_is_set_aside_with_the_field_named(driver: TopologyDriver[Counted]) -> None:
    good = b'{"specversion":"1.0","id":"1","source":"/t","type":"aftercare.command.add_customer_message.v1",'
    bad = b'"time":"2026-01-01T00:00:00Z","dataschema":"x","tenant":"a","data":{"ticket_id":"T-1","message_id":7}}'
    driver.send_bytes(TICKET_COMMANDS, TICKET, good + bad)
    (letter,) = driver.dead_letters()
    assert "message_id" in letter.message


def test_an_event_of_a_type_nobody_handles_is_skipped(driver: TopologyDriver[Counted]) -> None:
    body = b'{"specversion":"1.0","id":"1","source":"/t","type":"aftercare.command.from_the_future.v9",'
    driver.send_bytes(
        TICKET_COMMANDS, TICKET, body + b'"time":"2026-01-01T00:00:00Z","dataschema":"x","tenant":"a","data":{}}'
    )
    assert driver.dead_letters() == []


def test_a_handler_that_raises_parks_the_key_until_its_dead_letters_are_redriven(
    driver: TopologyDriver[Counted],
) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, POISON))
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, "later"))
    driver.crash()
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, "latest"))
    letters = driver.dead_letters()
    assert [letter.reason for letter in letters] == [Reason.UNDECIDABLE, Reason.PARKED, Reason.PARKED]
    assert "ValueError" in letters[0].stack
    assert driver.state(TICKET) is None
    assert driver.parked() == {TICKET: 3}
    driver.send_bytes(TICKET_COMMANDS, TICKET, None, redriven=True)
    for letter in letters[1:]:
        driver.send_bytes(TICKET_COMMANDS, TICKET, letter.body.encode(), redriven=True)
    assert driver.parked() == {}
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, "after"))
    assert driver.state(TICKET) == Counted(3, "after", "acme")


def test_what_stands_behind_a_redriven_record_that_fails_again_waits_for_it(
    driver: TopologyDriver[Counted],
) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, POISON))
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, "later"))
    poison, later = (letter.body.encode() for letter in driver.dead_letters())
    driver.send_bytes(TICKET_COMMANDS, TICKET, poison, redriven=True, first_offset=4)
    driver.crash()
    driver.send_bytes(TICKET_COMMANDS, TICKET, later, redriven=True, first_offset=6)
    assert [letter.reason for letter in driver.dead_letters()] == [Reason.UNDECIDABLE, Reason.PARKED]
    assert driver.state(TICKET) is None
    assert driver.parked() == {TICKET: 2}
    driver.send_bytes(TICKET_COMMANDS, TICKET, None, redriven=True, first_offset=4)
    driver.send_bytes(TICKET_COMMANDS, TICKET, later, redriven=True, first_offset=6)
    assert driver.parked() == {}
    assert driver.state(TICKET) == Counted(1, "later", "acme")


def test_many_parked_records_of_a_key_stop_neither_the_others_nor_the_processor(
    driver: TopologyDriver[Counted],
) -> None:
    number = 2 * driver.topology.dead_letters_in_a_row
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, POISON))
    for _ in range(number):
        driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    driver.send(TICKET_COMMANDS, "T-2", message("T-2"))
    assert driver.parked() == {TICKET: number + 1}
    assert driver.state("T-2") is not None


def test_where_keys_are_not_parked_a_discarded_dead_letter_makes_no_new_one() -> None:
    driver = TopologyDriver(replace(Counting().topology(), parks=False))
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, POISON))
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    assert [letter.reason for letter in driver.dead_letters()] == [Reason.UNDECIDABLE]
    driver.send_bytes(TICKET_COMMANDS, TICKET, None, redriven=True)
    assert driver.dead_letters() == []
    assert driver.parked() == {}
    assert driver.state(TICKET) == Counted(1, "still broken", "acme")


def test_a_timer_that_its_own_batch_had_replaced_still_fires_when_the_batch_is_aborted() -> None:
    engine = Engine(Counting().topology())
    twin = TopologyDriver(Counting().topology())
    twin.send(TICKET_COMMANDS, TICKET, message(TICKET))
    state = engine.partitions[0] = twin.partition
    due_at = state.next_due_at()
    assert due_at is not None
    batch = engine.begin(due_at)
    replaced = engine.begin(due_at)
    replaced.partitions[0] = PartitionBatch(state, due_at)
    replaced.partitions[0].put(TICKET, None)
    engine.fire(replaced, 0, due_at, 10)
    engine.abort(replaced)
    engine.fire(batch, 0, due_at, 10)
    assert [output.topic for output in batch.outputs] == [TICKET_FEEDBACK.name]


def test_what_is_said_of_a_batch_knows_its_records_its_dead_letters_and_its_timers() -> None:
    heard: list[Handled] = []

    def on_batch(handled: Handled, context: Context) -> list[Emit]:
        heard.append(handled)
        said = message(TICKET, f"{len(handled.records)} records")
        return [Emit(TICKET_COMMANDS, TICKET, said, id=f"batch-{len(heard)}", occurred_at=context.now)]

    topology = replace(Counting().topology(), parks=False, on_batch=on_batch)
    driver = TopologyDriver(topology)
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    driver.send(TICKET_COMMANDS, "T-2", message("T-2", POISON))
    driver.advance(REMIND_SECONDS)
    whole, poisoned, late = heard
    assert [each.offset for each in whole.records] == [0]
    assert (whole.set_aside, whole.timers) == ([], [])
    assert poisoned.records == poisoned.set_aside
    assert (late.records, [(key, timer.kind) for key, timer in late.timers]) == ([], [(TICKET, "remind")])
    assert [event.id for event in driver.read(TICKET_COMMANDS)] == ["batch-1", "batch-2", "batch-3"]


def test_an_output_too_large_is_set_aside_and_changes_nothing(driver: TopologyDriver[Counted]) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, HUGE))
    (letter,) = driver.dead_letters()
    assert letter.reason is Reason.OUTPUT_TOO_LARGE
    assert driver.read(TICKET_EVENTS) == []
    assert driver.state(TICKET) is None


def test_a_timer_that_raises_is_set_aside_waits_and_fires_after_redrive(driver: TopologyDriver[Counted]) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, POISON_TIMER))
    driver.send(TICKET_COMMANDS, "T-2", message("T-2"))
    driver.advance(1_000)
    (letter,) = driver.dead_letters()
    assert letter.reason is Reason.TIMER_RAISED
    assert [event.key for event in driver.read(TICKET_FEEDBACK)] == ["T-2"]
    assert driver.timers(TICKET) != {}
    driver.crash()
    driver.advance(1_000)
    assert driver.dead_letters() == []
    driver.send_bytes(TICKET_COMMANDS, TICKET, None, redriven=True)
    driver.advance(1)
    assert [letter.reason for letter in driver.dead_letters()] == [Reason.TIMER_RAISED]


def test_where_keys_are_not_parked_a_timer_that_raises_waits_for_its_redrive_and_records_go_on() -> None:
    driver = TopologyDriver(replace(Counting().topology(), parks=False))
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, POISON_TIMER))
    driver.advance(1_000)
    assert [letter.reason for letter in driver.dead_letters()] == [Reason.TIMER_RAISED]
    driver.crash()
    driver.advance(1_000)
    assert driver.dead_letters() == []
    assert set(driver.timers(TICKET)) == {"remind"}
    driver.send_bytes(TICKET_COMMANDS, TICKET, None, redriven=True)
    driver.advance(1)
    assert [letter.reason for letter in driver.dead_letters()] == [Reason.TIMER_RAISED]
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    assert driver.state(TICKET) == Counted(2, "still broken", "acme")
    assert driver.dead_letters() == []


def test_where_keys_are_not_parked_a_timer_whose_fault_is_mended_fires_once_when_it_is_redriven() -> None:
    topology = replace(Counting().topology(), parks=False)
    handler, broken = topology.on_timer, True

    def on_timer(state: Counted, timer: Timer, context: Context) -> Decision[Counted]:
        if broken:
            raise ValueError("not mended yet")
        assert handler is not None
        return handler(state, timer, context)

    driver = TopologyDriver(replace(topology, on_timer=on_timer))
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    driver.advance(1_000)
    assert driver.read(TICKET_FEEDBACK) == []
    broken = False
    driver.crash()
    driver.send_bytes(TICKET_COMMANDS, TICKET, None, redriven=True)
    driver.advance(1_000)
    assert [event.id for event in driver.read(TICKET_FEEDBACK)] == ["T-1:remind:1"]
    assert driver.timers(TICKET) == {}


def test_where_keys_are_not_parked_the_timers_that_replace_one_that_raised_are_not_held_back() -> None:
    driver = TopologyDriver(replace(Counting().topology(), parks=False))
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, POISON_TIMER))
    driver.advance(1_000)
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    driver.crash()
    driver.advance(1_000)
    assert [event.id for event in driver.read(TICKET_FEEDBACK)] == ["T-1:remind:2"]
    assert driver.parked() == {}


def test_a_timer_that_raises_again_has_a_letter_of_its_own(driver: TopologyDriver[Counted]) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, POISON_TIMER))
    driver.advance(1_000)
    driver.send_bytes(TICKET_COMMANDS, TICKET, None, redriven=True)
    driver.advance(1)
    first, second = driver.read(driver.topology.dead_letters)
    assert first.id != second.id


def test_a_clock_that_was_set_back_fires_nothing_early() -> None:
    topology = Counting().topology()
    engine = Engine(topology)
    state = engine.partitions[0] = engine.new_partition(0)
    state.put("T-1", Entry(1, (Timer("remind", START + timedelta(minutes=10)),), Counted(1, "hello", "acme")))
    batch = engine.begin(START)
    engine.fire(batch, 0, START + timedelta(hours=1), limit=10)
    assert not batch.partitions[0].fired
    assert state.next_due_at() == START + timedelta(minutes=10)


def test_a_parked_key_holds_its_timers_back(driver: TopologyDriver[Counted]) -> None:
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET, POISON))
    driver.advance(1_000)
    assert driver.read(TICKET_FEEDBACK) == []
    driver.send_bytes(TICKET_COMMANDS, TICKET, None, redriven=True)
    driver.advance(1)
    assert [event.id for event in driver.read(TICKET_FEEDBACK)] == ["T-1:remind:1"]


def test_too_many_dead_letters_in_a_row_stop_the_processor(driver: TopologyDriver[Counted]) -> None:
    limit = driver.topology.dead_letters_in_a_row
    for number in range(limit):
        driver.send_bytes(TICKET_COMMANDS, f"T-{number}", b"garbage")
    with pytest.raises(TooManyDeadLettersError):
        driver.send_bytes(TICKET_COMMANDS, "T-last", b"garbage")


def test_too_many_parked_keys_stop_the_processor_and_leave_the_state_as_it_was() -> None:
    driver = TopologyDriver(replace(Counting().topology(), parked_keys_max=2))
    for ticket in ("T-1", "T-2"):
        driver.send(TICKET_COMMANDS, ticket, message(ticket, POISON))
        driver.send(TICKET_COMMANDS, "T-good", message("T-good"))
    driver.send(TICKET_COMMANDS, "T-1", message("T-1"))
    with pytest.raises(TooManyParkedKeysError, match="more than 2 keys of partition 0 parked"):
        driver.send(TICKET_COMMANDS, "T-3", message("T-3", POISON))
    assert driver.parked() == {"T-1": 2, "T-2": 1}
    driver.send(TICKET_COMMANDS, "T-good", message("T-good"))
    assert driver.state("T-good") == Counted(3, "still broken", "acme")


def test_a_key_that_was_redriven_makes_room_for_another_to_be_parked() -> None:
    driver = TopologyDriver(replace(Counting().topology(), parked_keys_max=1))
    driver.send(TICKET_COMMANDS, "T-1", message("T-1", POISON))
    driver.crash()
    driver.send_bytes(TICKET_COMMANDS, "T-1", None, redriven=True)
    driver.send(TICKET_COMMANDS, "T-2", message("T-2", POISON))
    assert driver.parked() == {"T-2": 1}


def test_timers_that_raise_count_among_the_parked_keys() -> None:
    driver = TopologyDriver(replace(Counting().topology(), parks=False, parked_keys_max=1))
    for ticket in ("T-1", "T-2"):
        driver.send(TICKET_COMMANDS, ticket, message(ticket, POISON_TIMER))
    with pytest.raises(TooManyParkedKeysError):
        driver.advance(1_000)


def test_a_topic_that_the_topology_does_not_read_is_refused(driver: TopologyDriver[Counted]) -> None:
    with pytest.raises(ValueError, match=r"intake\.requests"):
        driver.send(INTAKE_REQUESTS, TICKET, message(TICKET))


def test_the_same_input_gives_the_same_bytes(driver: TopologyDriver[Counted]) -> None:
    twin = TopologyDriver(Counting().topology())
    for one in (driver, twin):
        one.send(TICKET_COMMANDS, TICKET, message(TICKET))
        one.advance(100)
    assert driver.read_bytes(TICKET_EVENTS) == twin.read_bytes(TICKET_EVENTS)
    assert driver.read_bytes(TICKET_FEEDBACK) == twin.read_bytes(TICKET_FEEDBACK)


def test_the_contract_is_the_struct_that_handlers_get() -> None:
    assert isinstance(message(TICKET), AddCustomerMessage)
