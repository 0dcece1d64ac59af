"""A day of a pool under the router's topology, told by a seed: offers, answers, people who come, go and change."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any, Final
from zlib import crc32

from schemas import envelope
from schemas.contract import Contract
from schemas.dead_letters import DeadLettered
from schemas.routing_policy import OverflowGroup, RateLimit, RoutingPolicy, Shift, SkillTier
from schemas.routing_turns import TurnTaken
from schemas.routing_work import MissedAccept, OfferMade, RoutingPolicyStated
from schemas.topics import ROUTING_TURNS, ROUTING_WORK, TICKET_ASSIGNMENTS
from schemas.vocabulary import Language, Level, Presence, Tier
from services._runtime.engine.dead_letters import NO_OFFSET
from services._runtime.engine.driver import TopologyDriver
from services._runtime.engine.records import Record
from services._runtime.engine.topology import Context, Decision, Event, Timer, Topology, firing_id
from services.router.adapters.replay.journal import Said, said_in, turns_in
from services.router.adapters.replay.player import Told
from services.router.adapters.replay.source import RETRIED
from services.router.state import Held, State, Waiting
from tests.topology.routing import POOL, Router, offer, present, rostered, withdrawal

SKILLS: Final = ("scanner", "printer", "network")
PRIORITIES: Final = ("P0", "P1", "P2", "P2", "P3")
PARTITION: Final = 0
LAGS_A_STEP: Final = 0.08
"""How often the router falls behind, in a day that has lags."""
REDRIVES_A_STEP: Final = 0.05
BROKEN_ONE_IN: Final = 8
"""Of the offers and timers of a day that breaks."""
CRASHES_A_LAG: Final = 0.3
"""How often it is another process that goes on."""


@dataclass
class Day:
    """The pool while its day goes by; `records` is what lies on `routing.work` in the end."""

    seed: int
    people: int = 12
    lags: bool = False
    breaks: bool = False
    router: Router = field(default_factory=Router)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._generations: dict[str, int] = {}
        self.records: list[Record] = []
        self.retried: list[Record] = []
        self._backlog: list[Record] = []
        self._steps_behind = 0
        self._letters: list[DeadLettered] = []
        if self.breaks:
            self.router.driver = TopologyDriver(Broken(self.router.driver.topology).topology())

    def run(self, steps: int) -> None:
        """So many things happen."""
        self._tell(RoutingPolicyStated.new(pool=POOL, policy=_policy()))
        for number in range(self.people):
            self._roster(number)
        acts = (*[self._offer] * 3, *[self._resolve] * 4, self._decline, self._miss, self._presence)
        for _ in range(steps):
            self._pass_time()
            self._random.choice((*acts, self._reroster, self._take))()
            if self.breaks and self._random.random() < REDRIVES_A_STEP:
                self._redrive()
        self._catch_up()

    @property
    def said(self) -> list[Said]:
        """All that the router said."""
        return list(said_in(output.value for output in self.router.driver.read_bytes(TICKET_ASSIGNMENTS)))

    @property
    def turns(self) -> list[TurnTaken]:
        """The turns that the router took."""
        return list(turns_in(output.value for output in self.router.driver.read_bytes(ROUTING_TURNS)))

    @property
    def told(self) -> Told:
        """What the router was told, to be read once."""
        return Told(POOL, {ROUTING_WORK.name: self.records, RETRIED: self.retried})

    def _tell(self, *inputs: Contract) -> None:
        for data in inputs:
            offset = len(self.records)
            value = envelope.encode(
                type_name=data.type_name,
                event_id=f"in-{offset}",
                source="/test",
                time=self.router.driver.now,
                subject=POOL,
                tenant="acme",
                data=data,
            )
            self.records.append(Record(ROUTING_WORK.name, PARTITION, offset, POOL.encode(), value))
            self._backlog.append(self.records[-1])
        self._decide_if_awake()

    def _redrive(self) -> None:
        """An operator sends again what is set aside: records, and what wakes timers."""
        self._letters += self.router.driver.dead_letters()
        for letter in self._letters:
            is_timer = letter.source_offset == NO_OFFSET
            key, value = (letter.key, None) if is_timer else (POOL, self.records[letter.source_offset].value)
            record = Record(RETRIED, PARTITION, len(self.retried), key.encode(), value, redriven=True)
            self.retried.append(record)
            self._backlog.append(record)
        self._letters.clear()
        self._decide_if_awake()

    def _decide_if_awake(self) -> None:
        if self._backlog and not self._steps_behind:
            self.router.driver.decide(self._backlog)
            self._backlog = []

    def _pass_time(self) -> None:
        """Timers fire on time, but where the router is away or behind: it then decides later what came meanwhile."""
        driver, seconds = self.router.driver, self._random.choice((0, 1, 20, 120, 400))
        if self._steps_behind:
            driver.sleep_through(seconds)
            self._steps_behind -= 1
            if not self._steps_behind:
                self._catch_up()
            return
        driver.advance(seconds)
        if self.lags and self._random.random() < LAGS_A_STEP:
            self._steps_behind = self._random.randint(1, 12)

    def _catch_up(self) -> None:
        """Batches begin late: records first, some of the timers that are due with them, the others later."""
        driver, choose = self.router.driver, self._random
        self._steps_behind = 0
        if self.lags and choose.random() < CRASHES_A_LAG:
            driver.crash()
        while self._backlog:
            count = choose.randint(1, 4)
            driver.decide(self._backlog[:count], timers_max=choose.choice((0, 0, 1, 3)))
            del self._backlog[:count]
            driver.sleep_through(choose.choice((0.001, 0.2, 30)))
        driver.advance(0.001)

    def _roster(self, number: int, **changes: Any) -> None:
        choose = self._random
        shift = Shift.new(timezone="Asia/Shanghai", hours={day: [["08:00", "17:30"]] for day in ("wed", "thu")})
        stated = {
            "level": choose.choice((Level.L1, Level.L2)),
            "languages": [Language.EN],
            "capacity": choose.randint(1, 4),
            "shift": shift if number % 3 == 0 else None,
            **changes,
        }
        skills = choose.sample(SKILLS, choose.randint(1, 3))
        self._tell(rostered(f"tech-{number:02}", *skills, **stated))

    def _reroster(self) -> None:
        self._roster(self._random.randrange(self.people))

    def _offer(self, ticket_id: str | None = None, **changes: Any) -> None:
        choose, now = self._random, self.router.driver.now
        ticket_id = ticket_id or f"T-{len(self._generations):04}"
        generation = self._generations[ticket_id] = self._generations.get(ticket_id, 0) + 1
        stated = {
            "priority": choose.choice(PRIORITIES),
            "skills": choose.sample(SKILLS, choose.randint(0, 2)),
            "tier": choose.choice((Tier.STANDARD, Tier.STANDARD, Tier.VIP)),
            "weight": choose.choice((1, 1, 2)),
            "requester_id": f"c-{choose.randrange(20)}",
            "queued_at": now,
            **changes,
        }
        self._tell(offer(ticket_id, generation, **stated))

    def _any(self, kind: Any) -> Any:
        found = [
            (key.rpartition("/")[2], state)
            for key, state in sorted(self.router.driver.states().items())
            if isinstance(state, kind)
        ]
        return self._random.choice(found) if found else None

    def _resolve(self) -> None:
        held = self._any(Held)
        if held is not None:
            self._tell(withdrawal(held[0], held[1].generation))

    def _decline(self) -> None:
        held = self._any(Held)
        if held is not None:
            ticket_id, state = held
            self._offer(ticket_id, declined_by=[state.technician_id], queued_at=state.queued_at)

    def _miss(self) -> None:
        held = self._any(Held)
        if held is not None:
            ticket_id, state = held
            missed = MissedAccept.new(technician_id=state.technician_id, missed_at=self.router.driver.now)
            self._offer(ticket_id, missed=[missed], queued_at=state.queued_at)

    def _take(self) -> None:
        waiting = self._any(Waiting)
        if waiting is not None:
            wanted = f"tech-{self._random.randrange(self.people):02}"
            self._offer(waiting[0], wanted_technician_id=wanted, queued_at=waiting[1].work.queued_at)

    def _presence(self) -> None:
        someone = f"tech-{self._random.randrange(self.people):02}"
        self._tell(present(someone, self._random.choice(list(Presence))))


class Broken:
    """The router with faults: some offers and timers raise the first time, and are mended when they come again."""

    def __init__(self, mended: Topology[State]) -> None:
        self._mended = mended
        self._raised: set[str] = set()

    def topology(self) -> Topology[State]:
        """The router's own, apart from that."""
        handlers = dict(self._mended.handlers)
        handlers[OfferMade] = self._on_offered
        return replace(self._mended, handlers=handlers, on_timer=self._on_timer)

    def _on_offered(self, state: State | None, event: Event, context: Context) -> Decision[State]:
        if event.topic != RETRIED and crc32(event.id.encode()) % BROKEN_ONE_IN == 0:
            raise ValueError("an offer that nobody expected")
        return self._mended.handlers[OfferMade](state, event, context)

    def _on_timer(self, state: State | None, timer: Timer, context: Context) -> Decision[State]:
        name = firing_id(context.key, timer)
        if name not in self._raised and crc32(name.encode()) % BROKEN_ONE_IN == 0:
            self._raised.add(name)
            raise ValueError("a timer that nobody expected")
        assert self._mended.on_timer is not None
        return self._mended.on_timer(state, timer, context)


def _policy() -> RoutingPolicy:
    """All that time changes is in it."""
    return RoutingPolicy.new(
        version=1,
        skill_tiers=[SkillTier.new(skills=["network"], after_seconds=600)],
        groups=[OverflowGroup.new(teams=["first"], after_seconds=0)],
        rate_limit=RateLimit.new(assignments=4, window_seconds=1_800),
        idle_factor=0.2,
        fairness_factor=0.1,
        ageing_seconds=1_800,
        owner_id="tech-00",
        owner_after_seconds=10_800,
        missed_rests_seconds=600,
        offline_grace_seconds=300,
        shift_grace_seconds=120,
        reassignments_per_second=2,
    )
