"""The checks that a broken rule 7 or 8 has to fail. Each passes on the product as it is, else raises AssertionError."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

import msgspec

from schemas import envelope
from schemas.directory import CustomerDefined, PoolDefined
from schemas.parts import Actor
from schemas.ticket_commands import CancelTicket
from schemas.topics import DIRECTORY, TICKET_COMMANDS
from schemas.vocabulary import ActorKind
from services._runtime.directory.directory import Directory, record_key
from services._runtime.engine.driver import START, TopologyDriver
from services._runtime.engine.state import STALE_TIMERS_MIN, UnreadableStateError
from services._runtime.processor import processor
from services._runtime.processor.processor import Processor
from tests.simulation.world import settings_of
from tests.topology.counting import Counted, Counting, message
from tests.topology.versions import first, second

TICKET: Final = "T-1"
LOOKS: Final = 3
CUSTOMERS, POOLS = DIRECTORY["customers"].name, DIRECTORY["pools"].name


# ── 7: following global stores ──────────────────────────────────────────────────────────────────────────────────


def waits_to_begin() -> None:
    """No session is opened before `may_begin` has answered true."""
    looks = 0

    def may_begin() -> bool:
        nonlocal looks
        looks += 1
        return looks > LOOKS

    made: Processor[Counted] = Processor(Counting().topology(), settings_of("0"), may_begin=may_begin)
    looks_at_opening: list[int] = []

    def opened(self: Processor[Counted]) -> None:
        looks_at_opening.append(looks)
        self.request_stop()

    with patch.object(Processor, "_run_session", opened), patch.object(processor, "BEGIN_POLL_SECONDS", 0.0):
        made._run()
    assert looks_at_opening == [LOOKS + 1]


def the_directory_is_whole_at_its_ends() -> None:
    """It may be used once every topic was read to the end that it had, not sooner."""
    directory = Directory()
    directory.expect({CUSTOMERS: 2, POOLS: 1})
    seen = [directory.caught_up]
    for topic, offset in ((CUSTOMERS, 0), (CUSTOMERS, 1), (POOLS, 0)):
        directory.passed(topic, offset)
        seen.append(directory.caught_up)
    assert seen == [False, False, False, True]


def the_directory_is_followed() -> None:
    """What is written and removed later is so in every process, and each record read makes another version."""
    directory = Directory()
    seen: list[tuple[str | None, int]] = []
    changes = (CustomerDefined.new(customer_id="c", company=name) for name in ("first", "second"))
    for offset, data in enumerate((*changes, None)):
        directory.apply(CUSTOMERS, "c", _written(data))
        directory.passed(CUSTOMERS, offset)
        found = directory.get(CustomerDefined, "c")
        seen.append((found.company if found is not None else None, directory.version))
    assert seen == [("first", 1), ("second", 2), (None, 3)]


def _written(data: CustomerDefined | PoolDefined | None) -> bytes | None:
    if data is None:
        return None
    return envelope.encode(
        type_name=data.type_name,
        event_id="1",
        source="/simulation",
        time=START,
        subject=record_key(data),
        tenant="acme",
        data=data,
    )


# ── 8: state is versioned and bounded ───────────────────────────────────────────────────────────────────────────


class _CountedAnew(msgspec.Struct, frozen=True):
    """The second version of the counting topology's state: the same fields, `messages` now counted from zero."""

    messages: int
    last: str
    tenant: str


def older_state_is_lifted() -> None:
    """State of version 1 is read by version 2 through its upgrade, though its shape would fit as it is."""
    driver: TopologyDriver[Any] = _told(Counting().topology())
    driver.topology = replace(
        driver.topology,
        state_type=_CountedAnew,
        state_version=2,
        upgrades={1: lambda state: state | {"messages": state["messages"] - 1}},
    )
    driver.crash()
    assert driver.state(TICKET) == _CountedAnew(0, "still broken", "acme")


def older_code_reads_what_newer_code_writes_for_it() -> None:
    """While both run, the newer writes as the older knows it, and holds no more than that."""
    driver = _told(second().writing_previous())
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    before = driver.states()
    driver.crash()
    assert driver.states() == before
    assert _readable_by_older_code(driver)


def state_is_rewritten_before_a_rollback() -> None:
    """What the newer code wrote in its own version is written again, so that the older can take over."""
    driver = _told(second())
    driver.topology = second().writing_previous()
    driver.crash()
    assert driver.rewrite_outdated() == 1
    assert _readable_by_older_code(driver)


def unreadable_state_stops() -> None:
    """What a newer code wrote in its own version is refused, not passed over."""
    assert not _readable_by_older_code(_told(second()))


def _told(topology: Any) -> TopologyDriver[Any]:
    driver: TopologyDriver[Any] = TopologyDriver(topology)
    driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    return driver


def _readable_by_older_code(driver: TopologyDriver[Any]) -> bool:
    driver.topology = first()
    try:
        driver.crash()
    except UnreadableStateError:
        return False
    return True


def forgotten_keys_are_gone() -> None:
    """A key that a handler forgets leaves memory and changelog, timers with it."""
    driver = _told(Counting().topology())
    actor = Actor.new(kind=ActorKind.REQUESTER, actor_id="customer")
    driver.send(TICKET_COMMANDS, TICKET, CancelTicket.new(ticket_id=TICKET, actor=actor, reason="solved itself"))
    assert driver.read_bytes(driver.topology.changelog)[-1].value is None
    driver.crash()
    assert driver.states() == {}
    assert driver.timers(TICKET) == {}


def replaced_timers_take_no_room() -> None:
    """Setting a timer anew again and again leaves no more than a bounded number of stale ones."""
    driver = _told(Counting().topology())
    for _ in range(STALE_TIMERS_MIN + 10):
        driver.send(TICKET_COMMANDS, TICKET, message(TICKET))
    assert len(driver.partition.heap) <= STALE_TIMERS_MIN + 2
