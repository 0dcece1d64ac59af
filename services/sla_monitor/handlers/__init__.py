"""The topologies: `monitor` (load, decide) with `rulings` (by what) and `telling` (what is told), and `surges`."""

from services.sla_monitor.handlers.monitor import clocks_topology
from services.sla_monitor.handlers.rulings import Rulings, Terms, calendars_of
from services.sla_monitor.handlers.surges import SurgeSeen, SurgeTerms, surges_topology
from services.sla_monitor.handlers.telling import MAX_SEGMENTS, TargetMoved

__all__ = [
    "MAX_SEGMENTS",
    "Rulings",
    "SurgeSeen",
    "SurgeTerms",
    "TargetMoved",
    "Terms",
    "calendars_of",
    "clocks_topology",
    "surges_topology",
]
