"""The one place where the simulation meets sla_monitor: its topology, under the product's own policy."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from services._runtime.engine.topology import Topology
from services.sla_monitor.domain.calendar import ALWAYS, BusinessCalendar
from services.sla_monitor.domain.conditions import Profile
from services.sla_monitor.domain.policy import Policy, parse_policy
from services.sla_monitor.handlers import clocks_topology, surges_topology
from services.sla_monitor.settings import SlaMonitorSettings
from tests.simulation.world import SECRET

POLICY: Final = Path(__file__).parents[2] / "services" / "sla_monitor" / "policies" / "cn-standard.yaml"


class Standard:
    """Every ticket's clocks run by the product's own policy, around the clock. It never changes."""

    changes = 0

    def __init__(self) -> None:
        self._policy = parse_policy(yaml.safe_load(POLICY.read_text(encoding="utf-8")))
        self._calendar = BusinessCalendar(ALWAYS)

    def at_opening(self, profile: Profile, opened_at: datetime) -> Policy:
        """Return the one policy."""
        del profile, opened_at
        return self._policy

    def default(self, now: datetime) -> Policy:
        """Return the one policy."""
        del now
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


def clocks() -> Topology[Any]:
    """Return the topology that keeps the tickets' clocks."""
    return clocks_topology(SlaMonitorSettings(secret=SECRET), Standard())


def surges() -> Topology[Any]:
    """Return the topology that watches the pools' breaches."""
    return surges_topology(Standard())
