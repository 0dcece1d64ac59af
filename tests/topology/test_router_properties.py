"""What holds for the router whatever happens in a pool, found by trying many histories."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from schemas.contract import Contract, replace
from schemas.routing_policy import Shift
from schemas.routing_work import (
    MissedAccept,
    OfferMade,
    OfferWithdrawn,
    PresenceChanged,
    RoutingPolicyStated,
    TechnicianRostered,
)
from schemas.ticket_assignments import AssignmentMade
from schemas.topics import TICKET_ASSIGNMENTS
from schemas.vocabulary import Language, Presence
from services._runtime.engine.topology import Event
from services.router.domain.acquaintances import Acquainted
from services.router.domain.explaining import verdicts_on
from services.router.domain.instants import microseconds_of
from services.router.domain.missed import rested
from services.router.domain.policy import Policy
from services.router.domain.shifts import WEEKDAYS
from services.router.domain.tally import NOTHING_YET, Tally, tallied
from services.router.domain.work import Technician, Work, order_of, requirement_of
from services.router.handlers.topology import waiting_since, work_of
from services.router.state import Held, Member, Ruled, State, Waiting, offer_key, requester_key
from tests.topology.routing import (
    POOL,
    SETTINGS,
    Router,
    minutes,
    offer,
    present,
    rostered,
    ruled,
    withdrawal,
)

NAMES = ("an", "bo", "chen")
TICKETS = tuple(f"T-{number}" for number in range(8))
SKILLS = ("db", "net")
DAY = Shift.new(timezone="UTC", hours={day: [["08:05", "08:40"]] for day in WEEKDAYS})

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
    team=st.sampled_from(["first", "second"]),
    shift=st.sampled_from([None, None, None, DAY]),
    languages=st.sampled_from([[Language.EN], [Language.EN], [Language.EN, Language.ZH_CN]]),
)
presence_events = st.builds(present, st.sampled_from(NAMES), st.sampled_from([Presence.AVAILABLE, Presence.OFFLINE]))
misses = [MissedAccept.new(technician_id=name, missed_at=minutes(number)) for number, name in enumerate(NAMES)]
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
    missed=st.sampled_from([[], [], [], misses[:1], misses[1:], misses]),
    last_technician_id=st.none() | st.sampled_from(NAMES),
    requester_id=st.sampled_from([None, "c-1", "c-1", "c-2"]),
    wanted_technician_id=st.sampled_from([None, None, None, None, *NAMES]),
)
policy_events = st.builds(
    ruled,
    skill_tiers=st.sampled_from([[], [{"skills": ["net"], "after_seconds": 600}]]),
    groups=st.sampled_from([[], [{"teams": ["first"]}, {"teams": ["second"], "after_seconds": 900}]]),
    rate_limit=st.sampled_from([None, None, {"assignments": 2, "window_seconds": 1_200}]),
    fairness_factor=st.sampled_from([0, 0.5]),
    idle_factor=st.sampled_from([0, 0.5]),
    ageing_seconds=st.sampled_from([None, 600]),
    missed_rests_seconds=st.sampled_from([None, 0, 600]),
    owner_id=st.sampled_from([None, "head"]),
    owner_takes=st.booleans(),
    offline_grace_seconds=st.sampled_from([None, 300]),
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
    st.lists(
        st.one_of(*2 * [roster_events, presence_events, offers, offers, withdrawals], offers, policy_events),
        min_size=15,
        max_size=40,
    ),
)


class Ledger(NamedTuple):
    """A pool as its states tell: who there is, what they hold and got, what waits, by which rules, and when."""

    people: dict[str, Technician]
    held: dict[str, Held]
    waiting: dict[str, Work]
    tallies: dict[str, Tally]
    policy: Policy
    now: datetime

    @classmethod
    def of(cls, router: Router) -> Ledger:
        states = router.driver.states()
        ruled = [s.policy for s in states.values() if isinstance(s, Ruled)]
        return cls(
            {s.technician.technician_id: s.technician for s in states.values() if isinstance(s, Member)},
            {key.rpartition("/")[2]: s for key, s in states.items() if isinstance(s, Held)},
            {s.work.ticket_id: s.work for s in states.values() if isinstance(s, Waiting)},
            {key.rpartition("/")[2]: s for key, s in states.items() if isinstance(s, Tally)},
            ruled[0] if ruled else SETTINGS.policy,
            router.driver.now,
        )

    def load_of(self, technician_id: str) -> int:
        return sum(each.weight for each in self.held.values() if each.technician_id == technician_id)

    def suits(self, work: Work, person: Technician) -> bool:
        """Whether every filter keeps someone, asked one by one."""
        requirement = requirement_of(work, self.policy, self.now)
        held, tally = self.load_of(person.technician_id), self.tallies.get(person.technician_id, NOTHING_YET)
        return person.rostered and all(
            verdicts_on(work, requirement, person, held, tally, self.policy, self.now).values()
        )

    def idle(self) -> list[tuple[str, str]]:
        """Work that waits beside someone who could take it."""
        return [
            (work.ticket_id, person.technician_id)
            for work in self.waiting.values()
            for person in self.people.values()
            if self.suits(work, person)
        ]


def acquainted(router: Router, cause: Contract) -> str | None:
    """Who knows the requester of an offer, looked for among all that is kept."""
    if not isinstance(cause, OfferMade):
        return None
    held = {key.rpartition("/")[2]: each for key, each in router.driver.states().items() if isinstance(each, Held)}
    others = [
        (each.waiting_since, ticket_id, each.technician_id)
        for ticket_id, each in held.items()
        if ticket_id != cause.ticket_id and each.requester_id == cause.requester_id is not None
    ]
    last = router.driver.state(requester_key(POOL, str(cause.requester_id)))
    return max(others)[-1] if others else last.technician_id if isinstance(last, Acquainted) else None


class Before(NamedTuple):
    """What a step begins with: the pool, the ticket's own state, and who knows its requester."""

    ledger: Ledger
    old: State | None
    related_id: str | None


def check_step(begin: Before, cause: Contract, made: list[AssignmentMade], after: Ledger) -> None:
    """Follow the assignments of one step one by one from the state before it; each must be right when it is made."""
    before, old, related_id = begin
    now = after._replace(held=dict(before.held), waiting=dict(before.waiting), tallies=dict(before.tallies))
    if isinstance(cause, (OfferMade, OfferWithdrawn)) and (made or before != after):
        now.held.pop(cause.ticket_id, None)
        now.waiting.pop(cause.ticket_id, None)
        if isinstance(cause, OfferMade):
            now.waiting[cause.ticket_id] = work_of(
                cause, waiting_since(old, after.now, after.now), after.policy, after.now, related_id
            )
    for each in made:
        work, person = rested(now.waiting.pop(each.ticket_id), now.policy, now.now), now.people.get(each.technician_id)
        check_one(each, work, person, now)
        now.held[each.ticket_id] = holding(each, work)
        if person is not None and person.rostered:
            tally = now.tallies.get(each.technician_id, NOTHING_YET)
            now.tallies[each.technician_id] = tallied(tally, work.weight, now.policy, microseconds_of(now.now))
    assert {(key, held.generation, held.technician_id) for key, held in now.held.items()} == {
        (key, held.generation, held.technician_id) for key, held in after.held.items()
    }
    assert {key: rested(work, now.policy, now.now) for key, work in now.waiting.items()} == after.waiting


def check_one(made: AssignmentMade, work: Work, person: Technician | None, now: Ledger) -> None:
    if made.by_hand:
        assert made.technician_id == work.wanted_technician_id
        return
    if made.overflowed:
        assert made.technician_id == now.policy.owner_id
        return
    assert person is not None
    assert now.suits(work, person)
    place = order_of(work, now.policy, now.now)
    overtaken = [
        other
        for other in now.waiting.values()
        if order_of(other, now.policy, now.now) < place and now.suits(other, person)
    ]
    assert not overtaken


def holding(made: AssignmentMade, work: Work) -> Held:
    return Held(
        made.generation, made.technician_id, work.weight, "acme", work.priority, work.queued_at, work.waiting_since
    )


@given(histories, st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), max_size=4))
@settings(max_examples=75, deadline=None)
def test_every_assignment_keeps_every_rule_and_overtakes_nothing(
    history: list[Contract], waits: list[tuple[int, int]]
) -> None:
    router = Router()
    for number, cause in enumerate(history):
        for minutes_passed in (passed for at, passed in waits if at == number):
            router.driver.advance(60 * minutes_passed)
            assert Ledger.of(router).idle() == []
        router.driver.read(TICKET_ASSIGNMENTS)
        old = router.driver.state(offer_key(POOL, getattr(cause, "ticket_id", "")))
        before = Before(Ledger.of(router), old, acquainted(router, cause))
        made = [event.data for event in router.send(cause) if isinstance(event.data, AssignmentMade)]
        after = Ledger.of(router)
        check_step(before, cause, made, after)
        assert after.idle() == [], "work waits beside someone who could take it"
    assert router.driver.dead_letters() == []


@given(histories, st.integers(0, 7_200))
@settings(max_examples=50, deadline=None)
def test_nothing_waits_without_a_word_once_its_time_is_over(history: list[Contract], more_seconds: int) -> None:
    router = Router()
    for cause in history:
        router.send(cause)
    router.driver.advance(3_600 + more_seconds)
    assert all(state.alarmed for state in router.waiting())


@given(histories, st.sets(st.integers(0, 40)))
@settings(max_examples=50, deadline=None)
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
    """Roster, presence and policy are left out: they state what is now, so an old one again is news."""
    router = Router()
    for cause in history:
        router.send(cause)
        if isinstance(cause, (TechnicianRostered, PresenceChanged, RoutingPolicyStated)):
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
    "another policy admits waiting work": lambda cause, events: isinstance(cause, RoutingPolicyStated) and bool(events),
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
