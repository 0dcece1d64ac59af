"""One seed: the five services' topologies, the people, a few simulated days, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import yaml
from pydantic import SecretStr

from schemas.directory import PoolDefined, TechnicianDefined
from schemas.vocabulary import Language, Level, Medium
from services._runtime.engine.topology import Topology
from services.feedback.handlers import feedback_topology
from services.feedback.settings import FeedbackSettings
from services.intake.adapters.rule_file import load_rules
from services.intake.handlers.ledger import ledger_topology
from services.intake.handlers.normaliser import normaliser_topology
from services.intake.settings import IntakeSettings
from services.notifier.adapters.package_data import load_audience, load_library
from services.notifier.handlers.delivery import delivery_topology
from services.notifier.handlers.notify import Lookups, notify_topology
from services.notifier.settings import NotifierSettings
from services.router.handlers import router_topology
from services.router.settings import RouterSettings
from services.sla_monitor.domain.calendar import ALWAYS, BusinessCalendar
from services.sla_monitor.domain.conditions import Profile
from services.sla_monitor.domain.policy import Policy, parse_policy
from services.sla_monitor.handlers import clocks_topology
from services.sla_monitor.settings import SlaMonitorSettings
from tests.simulation.invariants import violations
from tests.simulation.people import People
from tests.simulation.world import START, World

REQUESTS: Final = 25
FAULTS_UNTIL: Final = START + timedelta(hours=24)
UNTIL: Final = START + timedelta(days=20)
POOLS: Final = {
    "technical-support": ["cloud", "gateway"],
    "customer-service": ["billing", "training", "complaints"],
}
POLICY: Final = Path(__file__).parents[2] / "services" / "sla_monitor" / "policies" / "cn-standard.yaml"
SECRET: Final = SecretStr("simulation" * 4)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a seed. `simulated_seconds` is how far the clock went."""

    seed: int
    broken: tuple[str, ...]
    events: int
    steps: int
    faults: int
    seconds: float
    simulated_seconds: float


class Standard:
    """Every ticket's clocks run by the product's own policy, around the clock."""

    def __init__(self) -> None:
        self._policy = parse_policy(yaml.safe_load(POLICY.read_text(encoding="utf-8")))
        self._calendar = BusinessCalendar(ALWAYS)

    def at_opening(self, profile: Profile, opened_at: datetime) -> Policy:
        """Return the one policy."""
        del profile, opened_at
        return self._policy

    def policy(self, policy_id: str, version: int) -> Policy:
        """Return the one policy."""
        del policy_id, version
        return self._policy

    def find(self, policy_id: str, version: int) -> Policy | None:
        """Return the one policy."""
        return self.policy(policy_id, version)

    def calendar(self, calendar_id: str | None) -> BusinessCalendar:
        """Return the calendar that is always open."""
        del calendar_id
        return self._calendar


def topologies() -> list[Topology[Any]]:
    """Return every processor of the five services, with the settings that the product has by default."""
    intake = IntakeSettings(secret=SECRET)
    notifier = NotifierSettings(secret=SECRET)
    lookups = Lookups(technician=_technician, pool=_pool, template=lambda _: None)
    audience = load_audience(None, (Medium.EMAIL,))
    return [
        normaliser_topology(load_rules()),
        ledger_topology(intake),
        router_topology(RouterSettings(secret=SECRET)),
        notify_topology(notifier, audience, load_library(), lookups),
        delivery_topology(notifier),
        feedback_topology(FeedbackSettings(secret=SECRET)),
        clocks_topology(SlaMonitorSettings(secret=SECRET), Standard()),
    ]


def run(seed: int) -> Run:
    """Run one seed to its end; the same seed gives the same run."""
    began = perf_counter()
    world = World(seed, topologies(), until=UNTIL, calm_at=FAULTS_UNTIL)
    people = People(world, pools=POOLS, requests=REQUESTS)
    world.run()
    topics = [topic for topic in world.log.topics() if not topic.endswith(".changelog")]
    events = sum(1 for topic in topics for _ in world.log.events(topic))
    return Run(
        seed=seed,
        broken=tuple(violations(world, people.requested)),
        events=events,
        steps=world.steps,
        faults=world.faults,
        seconds=perf_counter() - began,
        simulated_seconds=(world.now - START).total_seconds(),
    )


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
