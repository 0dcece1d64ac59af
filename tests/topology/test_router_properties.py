"""What holds for the router whatever happens in a pool, found by trying many histories."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from schemas.contract import Contract, replace
from schemas.routing_work import OfferMade, OfferWithdrawn, PresenceChanged, TechnicianRostered
from schemas.ticket_assignments import AssignmentMade
from schemas.topics import TICKET_ASSIGNMENTS
from schemas.vocabulary import Language, Presence
from services._runtime.engine.topology import Event
from services.router.domain.filters import capacity, declined, language, level, presence, skill
from services.router.domain.work import Technician, Work, order_of, profile_of, requirement_of
from services.router.state import Held, Member, Waiting
from tests.topology.routing import Router, minutes, offer, present, rostered, withdrawal

NAMES = ("an", "bo", "chen")
TICKETS = tuple(f"T-{number}" for number in range(8))
SKILLS = ("db", "net")

STEPS = st.sampled_from([1, 1, 1, 1, 0, -1, 2])
"""How far a record is from its ticket's current generation: 0 is a copy, -1 is late, 2 is after a lost one."""

skills = st.sets(st.sampled_from(SKILLS)).map(sorted)
some_minutes = st.integers(0, 2).map(minutes)

roster_events = st.builds(
    rostered,
    st.sampled_from(NAMES),
    skills=skills,
    capacity=st.integers(0, 3),
    active=st.sampled_from([True, True, True, False]),
    languages=st.sampled_from([[Language.EN], [Language.EN], [Language.EN, Language.ZH_CN]]),
)
presence_events = st.builds(
    present, st.sampled_from(NAMES), st.sampled_from([Presence.AVAILABLE, Presence.AVAILABLE, Presence.OFFLINE])
)
offers = st.builds(
    offer,
    st.sampled_from(TICKETS),
    generation=STEPS,
    priority=st.sampled_from(["P0", "P1", "P2"]),
    skills=st.sampled_from([[], [], ["db"], ["db", "net"]]),
    weight=st.integers(1, 2),
    queued_at=some_minutes,
    due_at=st.none() | some_minutes,
    language=st.sampled_from([Language.EN, Language.EN, Language.ZH_CN]),
    declined_by=st.just([]) | st.lists(st.sampled_from(NAMES), max_size=1),
    last_technician_id=st.none() | st.sampled_from(NAMES),
    wanted_technician_id=st.sampled_from([None, None, None, None, *NAMES]),
)
withdrawals = st.builds(withdrawal, st.sampled_from(TICKETS), STEPS.map(lambda step: step - 1))
start = st.just([rostered(name, "db", "net", capacity=1) for name in NAMES])


def numbered(history: list[Contract]) -> list[Contract]:
    """Turn each offer's step into a generation: mostly the ticket's next one, or for a withdrawal its current one."""
    current: dict[str, int] = {}
    result: list[Contract] = []
    for cause in history:
        if isinstance(cause, (OfferMade, OfferWithdrawn)):
            generation = max(1, current.get(cause.ticket_id, 0) + cause.generation)
            if isinstance(cause, OfferMade):
                current[cause.ticket_id] = max(generation, current.get(cause.ticket_id, 0))
            result.append(replace(cause, generation=generation))
        else:
            result.append(cause)
    return result


histories = st.builds(
    lambda first, then: numbered([*first, *then]),
    st.just([]) | start,
    st.lists(st.one_of(roster_events, presence_events, offers, offers, offers, withdrawals), min_size=15, max_size=40),
)


def suits(work: Work, person: Technician, load: int) -> bool:
    """Whether every filter keeps someone, asked one by one."""
    requirement, profile = requirement_of(work), profile_of(person)
    return (
        person.rostered
        and presence.keeps(person.presence)
        and skill.keeps(requirement, profile)
        and level.keeps(requirement, profile)
        and language.keeps(requirement, profile)
        and load <= capacity.highest_load(requirement, profile)
        and declined.keeps(work, person.technician_id)
    )


class Ledger(NamedTuple):
    """A pool as its states tell: who there is, what they hold, what waits."""

    people: dict[str, Technician]
    held: dict[str, Held]
    waiting: dict[str, Work]

    @classmethod
    def of(cls, router: Router) -> Ledger:
        states = router.driver.states()
        return cls(
            {s.technician.technician_id: s.technician for s in states.values() if isinstance(s, Member)},
            {key.rpartition("/")[2]: s for key, s in states.items() if isinstance(s, Held)},
            {s.work.ticket_id: s.work for s in states.values() if isinstance(s, Waiting)},
        )

    def load_of(self, technician_id: str) -> int:
        return sum(each.weight for each in self.held.values() if each.technician_id == technician_id)


def work_of(data: OfferMade) -> Work:
    stated = {name: getattr(data, name) for name in Work.__struct_fields__}
    return Work(**{**stated, "skills": tuple(data.skills), "declined_by": tuple(data.declined_by)})


def check_step(before: Ledger, cause: Contract, made: list[AssignmentMade], after: Ledger) -> None:
    """Follow the assignments of one step one by one from the state before it; each must be right when it is made."""
    held, waiting = dict(before.held), dict(before.waiting)
    if isinstance(cause, (OfferMade, OfferWithdrawn)) and (made or before != after):
        held.pop(cause.ticket_id, None)
        waiting.pop(cause.ticket_id, None)
        if isinstance(cause, OfferMade):
            waiting[cause.ticket_id] = work_of(cause)
    people = after.people
    for each in made:
        now = Ledger(people, held, waiting)
        work = waiting.pop(each.ticket_id)
        load = now.load_of(each.technician_id)
        held[each.ticket_id] = Held(each.generation, each.technician_id, work.weight)
        if each.by_hand:
            assert each.technician_id == work.wanted_technician_id
            continue
        person = people[each.technician_id]
        assert suits(work, person, load)
        overtaken = [
            other for other in waiting.values() if order_of(other) < order_of(work) and suits(other, person, load)
        ]
        assert not overtaken
    assert (held, waiting) == (after.held, after.waiting)


@given(histories)
@settings(max_examples=200, deadline=None)
def test_every_assignment_keeps_every_rule_and_overtakes_nothing(history: list[Contract]) -> None:
    router = Router()
    for cause in history:
        before = Ledger.of(router)
        made = [event.data for event in router.send(cause) if isinstance(event.data, AssignmentMade)]
        after = Ledger.of(router)
        check_step(before, cause, made, after)
        idle = [
            (work.ticket_id, person.technician_id)
            for work in after.waiting.values()
            for person in after.people.values()
            if suits(work, person, after.load_of(person.technician_id))
        ]
        assert idle == [], "work waits beside someone who could take it"
    assert router.driver.dead_letters() == []


@given(histories, st.sets(st.integers(0, 40)))
@settings(max_examples=100, deadline=None)
def test_a_crash_at_any_moment_changes_no_assignment(history: list[Contract], crashes: set[int]) -> None:
    steady, crashing = Router(), Router()
    for number, cause in enumerate(history):
        steady.send(cause)
        if number in crashes:
            crashing.driver.crash()
        crashing.send(cause)
    assert steady.driver.read_bytes(TICKET_ASSIGNMENTS) == crashing.driver.read_bytes(TICKET_ASSIGNMENTS)
    assert steady.driver.states() == crashing.driver.states()


@given(histories)
@settings(max_examples=50, deadline=None)
def test_every_record_a_second_time_changes_nothing(history: list[Contract]) -> None:
    """Roster and presence are left out: they state what is now, so an old one again is news."""
    router = Router()
    for cause in history:
        router.send(cause)
        if isinstance(cause, (TechnicianRostered, PresenceChanged)):
            continue
        states = router.driver.states()
        assert router.send(cause) == []
        assert router.driver.states() == states


@given(
    st.integers(1, 6),
    st.lists(st.tuples(st.sampled_from(["P0", "P1", "P2"]), some_minutes), max_size=30),
)
@settings(max_examples=50, deadline=None)
def test_load_spreads_within_one_among_equals(people: int, work: list[tuple[str, object]]) -> None:
    router = Router()
    names = [f"t{number}" for number in range(people)]
    router.send(*(rostered(name, "db", capacity=5) for name in names))
    for number, (priority, queued_at) in enumerate(work):
        router.send(offer(f"T-{number}", priority=priority, queued_at=queued_at, skills=["db"]))
        loads = [router.loads().get(name, 0) for name in names]
        assert max(loads) - min(loads) <= 1


REACHED = {
    "freed capacity is given on": lambda cause, events: isinstance(cause, OfferWithdrawn) and bool(events),
    "a newer offer frees an older one": lambda cause, events: isinstance(cause, OfferMade) and len(events) > 1,
    "the roster admits waiting work": lambda cause, events: isinstance(cause, TechnicianRostered) and bool(events),
    "presence admits waiting work": lambda cause, events: isinstance(cause, PresenceChanged) and bool(events),
}


@pytest.mark.parametrize("wanted", REACHED.values(), ids=list(REACHED))
def test_the_histories_reach_what_the_properties_are_about(wanted: Callable[[Contract, list[Event]], bool]) -> None:
    def is_reached(history: list[Contract]) -> bool:
        router = Router()
        reached = [wanted(cause, router.send(cause)) for cause in history]
        return any(reached)

    tries = settings(max_examples=500, database=None, phases=[Phase.generate], derandomize=True, deadline=None)
    find(histories, is_reached, settings=tries)


def test_work_of_an_offer_is_what_the_router_keeps() -> None:
    router = Router()
    data = offer("T-1", skills=["db"], declined_by=["bo"], due_at=minutes(3))
    router.send(data)
    kept = Ledger.of(router).waiting["T-1"]
    assert msgspec.to_builtins(kept) == msgspec.to_builtins(work_of(data))
