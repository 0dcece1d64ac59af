"""The topology: `monitor` (load, decide) and `telling` (what is told of a decision)."""

from services.sla_monitor.handlers.monitor import Terms, clocks_topology
from services.sla_monitor.handlers.telling import MAX_SEGMENTS, TargetMoved

__all__ = ["MAX_SEGMENTS", "TargetMoved", "Terms", "clocks_topology"]
