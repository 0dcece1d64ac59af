"""The topologies: `monitor` (load, decide) with `telling` (what is told of a decision), and `surges` of pools."""

from services.sla_monitor.handlers.monitor import Terms, clocks_topology
from services.sla_monitor.handlers.surges import SurgeSeen, SurgeTerms, surges_topology
from services.sla_monitor.handlers.telling import MAX_SEGMENTS, TargetMoved

__all__ = ["MAX_SEGMENTS", "SurgeSeen", "SurgeTerms", "TargetMoved", "Terms", "clocks_topology", "surges_topology"]
