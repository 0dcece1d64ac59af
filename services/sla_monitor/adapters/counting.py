"""Counts what was told, once it is known to be committed, and raises one alarm for a surge of breaches.

Labels are targets, levels and what happened; pools are too many for labels, so an alarm names its pool in the log and
the metric says how many pools are in a surge. Called from the processor's thread; gauges are read by whoever scrapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

from services._runtime.clock import Clock
from services._runtime.logs import get_logger
from services._runtime.metrics import (
    SLA_POOLS_IN_SURGE,
    SLA_SURGES,
    SLA_TARGETS,
    SLA_WINDOW_BURN,
    SLA_WINDOW_TARGETS,
)
from services.sla_monitor.domain.changes import WARNED
from services.sla_monitor.domain.instants import from_datetime
from services.sla_monitor.domain.surge import SurgeSettings, SurgeWatch, Window
from services.sla_monitor.domain.targets import BREACHED, MET
from services.sla_monitor.handlers import TargetMoved

LEVELS_MAX: Final = 16
"""Levels that get labels of their own; names are data, so a flood of them must not become a flood of series."""
OTHER_LEVEL: Final = "other"
_WINDOWED: Final = frozenset({WARNED, MET, BREACHED})

log = get_logger(__name__)


class TargetCounter:
    """The `on_effects` of the monitor's processor."""

    def __init__(self, clock: Clock, settings: SurgeSettings) -> None:
        self._clock = clock
        self._window_us = settings.window_us
        self._lock = Lock()
        self._counts: dict[tuple[str, str], Window] = {}
        self._burned: dict[str, Window] = {}
        self._levels: set[str] = set()
        self._watch = SurgeWatch(settings)
        SLA_POOLS_IN_SURGE.set_function(self._pools_in_surge)

    def __call__(self, effects: Sequence[Any]) -> None:
        """Count what was told of targets."""
        for effect in effects:
            if isinstance(effect, TargetMoved):
                SLA_TARGETS.labels(effect.target, effect.what).inc()
                if effect.what in _WINDOWED and effect.decided_at is not None:
                    self._slide(effect, from_datetime(effect.decided_at))

    def _slide(self, effect: TargetMoved, now_us: int) -> None:
        surge = None
        with self._lock:
            level = self._level(effect.priority)
            self._count_of(level, effect.what).add(1, now_us)
            if effect.what != WARNED:
                self._burned[level].add(effect.used, now_us)
            if effect.what == BREACHED:
                surge = self._watch.breached(effect.pool, now_us)
        if surge is not None:
            SLA_SURGES.inc()
            log.error("breaches_surge", pool=surge.pool, breaches=surge.breaches, window_seconds=self._window_us / 1e6)

    def _level(self, priority: str) -> str:
        if priority in self._levels:
            return priority
        if len(self._levels) >= LEVELS_MAX:
            priority = OTHER_LEVEL
        if priority not in self._levels:
            self._levels.add(priority)
            for what in sorted(_WINDOWED):
                window = self._counts[priority, what] = Window(self._window_us)
                SLA_WINDOW_TARGETS.labels(priority, what).set_function(self._total_of(window))
            self._burned[priority] = Window(self._window_us)
            SLA_WINDOW_BURN.labels(priority).set_function(lambda: self._burn(priority))
        return priority

    def _count_of(self, level: str, what: str) -> Window:
        return self._counts[level, what]

    def _total_of(self, window: Window) -> Any:
        def total() -> float:
            with self._lock:
                return window.total(from_datetime(self._clock.now()))

        return total

    def _burn(self, level: str) -> float:
        """The mean share of their budgets that clocks had used at their verdicts."""
        with self._lock:
            now_us = from_datetime(self._clock.now())
            verdicts = sum(self._counts[level, what].total(now_us) for what in (MET, BREACHED))
            return self._burned[level].total(now_us) / verdicts if verdicts else 0.0

    def _pools_in_surge(self) -> float:
        with self._lock:
            return float(self._watch.pools_in_surge(from_datetime(self._clock.now())))
