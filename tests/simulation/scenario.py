"""One seed: the five services' topologies, the people, a few simulated days, and what came of it."""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from time import perf_counter
from typing import Any, Final
from unittest.mock import patch

from schemas import dead_letters
from schemas.directory import PoolDefined, TechnicianDefined
from schemas.topics import DEAD_LETTERS, RETRIES, TICKET_SLA, TOPICS
from schemas.vocabulary import Language, Level, Medium
from services._runtime.engine.topology import Topology
from services.feedback.handlers import attainment_topology, feedback_topology
from services.feedback.settings import FeedbackSettings
from services.intake.adapters.rule_file import load_rules
from services.intake.handlers.ledger import ledger_topology
from services.intake.handlers.normaliser import normaliser_topology
from services.intake.settings import IntakeSettings
from services.notifier.adapters.package_data import load_audience, load_library
from services.notifier.handlers.delivery import delivery_topology
from services.notifier.handlers.notify import notify_topology
from services.notifier.handlers.recipients import Lookups
from services.notifier.settings import NotifierSettings
from services.router.handlers import router_topology
from services.router.settings import RouterSettings
from tests.simulation.broker.cluster import Cluster
from tests.simulation.chatter import COUNTING, SERVICE, Chatter
from tests.simulation.chatter import RETRIES as CHATTER_RETRIES
from tests.simulation.chatter import TOPICS as CHATTER_TOPICS
from tests.simulation.clocks import clocks, surges
from tests.simulation.install import simulated_clients
from tests.simulation.invariants import violations
from tests.simulation.operator import Operator
from tests.simulation.people import People
from tests.simulation.settled import Settled
from tests.simulation.sights import Sight
from tests.simulation.vandal import Vandal
from tests.simulation.world import SECRET, START, NotSettledError, World

REQUESTS: Final = (2, 6)
FAULTS_UNTIL: Final = START + timedelta(hours=24)
UNTIL: Final = START + timedelta(days=20)
POOLS: Final = {
    "technical-support": ["cloud", "gateway"],
    "customer-service": ["billing", "training", "complaints"],
}


LETTERS: Final = {
    f'"reason":"{reason.value}"'.encode(): Sight(f"dead letter: {reason.value}") for reason in dead_letters.Reason
}
SEEN_IN_LOG: Final = dict.fromkeys(
    (topic.name for topic in (*DEAD_LETTERS.values(), COUNTING.dead_letters)), LETTERS
) | {
    TICKET_SLA.name: {
        b"aftercare.sla.target_breached.v1": Sight.BREACHED,
        b"aftercare.sla.target_breach_retracted.v1": Sight.RETRACTED,
    }
}
"""What in a record's bytes tells of what came about, by topic."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a seed.

    `broken` says which promises were, `digest` is over all that is in the log, `records` counts those taken by
    processor and topic, `faults` counts those that were met, `sights` what else has to come about;
    `simulated_seconds` is how far the clock went.
    """

    seed: int
    broken: tuple[str, ...]
    digest: str
    records: dict[tuple[str, str], int]
    events: int
    steps: int
    faults: dict[str, int]
    sights: dict[str, int]
    seconds: float
    simulated_seconds: float


@cache
def topologies() -> tuple[Topology[Any], ...]:
    """Return every processor of the five services, with the product's default settings, and the counting one."""
    intake = IntakeSettings(secret=SECRET)
    notifier = NotifierSettings(secret=SECRET)
    lookups = Lookups(technician=_technician, pool=_pool, template=lambda _: None, version=lambda: 0)
    audience = load_audience(None, (Medium.EMAIL,))
    return (
        normaliser_topology(load_rules()),
        ledger_topology(intake),
        router_topology(RouterSettings(secret=SECRET)),
        notify_topology(notifier, audience, load_library(), lookups),
        delivery_topology(notifier, load_library()),
        feedback_topology(FeedbackSettings(secret=SECRET)),
        attainment_topology(FeedbackSettings(secret=SECRET)),
        clocks(),
        surges(),
        COUNTING.topology(),
    )


def run(seed: int, faults_until: datetime = FAULTS_UNTIL) -> Run:
    """Run one seed to its end; the same seed gives the same run. Without faults if they end as it starts."""
    # A world is let go of as a whole: looking for rubbish while it lives cost a fifth of the time.
    gc.collect()
    gc.disable()
    try:
        return _run(seed, faults_until)
    finally:
        gc.enable()


def _run(seed: int, faults_until: datetime) -> Run:
    began = perf_counter()
    made = topologies()
    world = World(seed, made, (*TOPICS, *CHATTER_TOPICS), until=UNTIL, calm_at=faults_until)
    own = patch.dict(DEAD_LETTERS, {SERVICE: COUNTING.dead_letters}), patch.dict(RETRIES, {SERVICE: CHATTER_RETRIES})
    with simulated_clients(world.cluster), own[0], own[1]:
        Chatter(world)
        people = People(world, pools=POOLS, requests=world.random.randint(*REQUESTS))
        Vandal(world, people)
        Operator(world)
        try:
            world.run()
        except NotSettledError as error:
            broken = [str(error)]
        else:
            broken = violations(Settled(world, made, people))
    digest, events = _digest(world.cluster)
    return Run(
        seed=seed,
        broken=tuple(broken),
        digest=digest,
        records=world.journal.records(),
        events=events,
        steps=world.steps,
        sights={sight.value: number for sight, number in _sights(world).items() if number},
        faults={kind.value: number for kind, number in sorted(world.met.items(), key=lambda each: each[0].name)},
        seconds=perf_counter() - began,
        simulated_seconds=(world.now - START).total_seconds(),
    )


def _digest(cluster: Cluster) -> tuple[str, int]:
    """A digest of all that is committed, and the number of events among it, changelogs not counted."""
    digest = hashlib.sha256()
    events = 0
    for topic in sorted(cluster.topics):
        for stored in cluster.committed(topic):
            digest.update(repr((topic, stored.offset, stored.key, stored.value, stored.at)).encode())
            events += not topic.endswith(".changelog")
    return digest.hexdigest(), events


def _sights(world: World) -> Counter[Sight]:
    """What came about, with what the log tells of it."""
    seen = world.time.seen.copy()
    seen[Sight.DECIDED_AGAIN] -= sum(world.journal.records().values())
    for topic, marks in SEEN_IN_LOG.items():
        for stored in world.cluster.committed(topic):
            for mark, sight in marks.items():
                seen[sight] += mark in (stored.value or b"")
    return seen


def _technician(technician_id: str) -> TechnicianDefined:
    pool = technician_id.removeprefix("tech-").rpartition("-")[0]
    return TechnicianDefined.new(
        technician_id=technician_id,
        name="Technician",
        email=f"{technician_id}@aftercare.example",
        pool=pool,
        team="team",
        skills=POOLS[pool],
        languages=[Language.ZH_CN, Language.EN],
        level=Level.L3,
        capacity=6,
    )


def _pool(pool: str) -> PoolDefined:
    return PoolDefined.new(
        pool=pool,
        title=pool,
        lead_email="lead@aftercare.example",
        supervisor_email="supervisor@aftercare.example",
        director_email="director@aftercare.example",
    )
