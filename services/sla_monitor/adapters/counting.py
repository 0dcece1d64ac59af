"""Counts what was told, once it is known to be committed.

Labels are targets, pools, levels and what happened. How many pools are in a surge is told by level: `pool.sla` and the
board say which. Called from the processors' threads; gauges are read by who scrapes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, NamedTuple

from services._runtime.clock import Clock
from services._runtime.figures import Bounded
from services._runtime.metrics import (
    SLA_POOLS_IN_SURGE,
    SLA_SURGES,
    SLA_TARGETS,
    SLA_WINDOW_BURN,
    SLA_WINDOW_TARGETS,
)
from services.sla_monitor.domain.changes import WARNED
from services.sla_monitor.domain.instants import from_datetime
from services.sla_monitor.domain.targets import BREACHED, MET
from services.sla_monitor.domain.window import Window
from services.sla_monitor.handlers import SurgeSeen, TargetMoved

LEVELS_MAX: Final = 16
POOLS_MAX: Final = 200
"""Levels and pools that get labels of their own; names are data, and a flood of them must not be a flood of series."""
SURGES_MAX: Final = 10_000
SLIDE_GRACE: Final = timedelta(minutes=1)
_WINDOWED: Final = frozenset({WARNED, MET, BREACHED})


class _Windows(NamedTuple):
    """Of one level of a pool: what was told, and how much of their budgets clocks had used at their verdicts."""

    told: Mapping[str, Window]
    burned: Window


class TargetCounter:
    """The `on_effects` of the clocks' processor."""

    def __init__(self, clock: Clock, window_us: int) -> None:
        self._clock = clock
        self._window_us = window_us
        self._lock = Lock()
        self._pool, self._level = Bounded(POOLS_MAX), Bounded(LEVELS_MAX)
        self._windows: dict[tuple[str, str], _Windows] = {}

    def __call__(self, effects: Sequence[Any]) -> None:
        """Count what was told of targets; what is alike at once, since thousands may be breached in one batch."""
        told: Counter[tuple[str, str]] = Counter()
        used: defaultdict[tuple[str, str, str, datetime], list[float]] = defaultdict(list)
        for effect in effects:
            if isinstance(effect, TargetMoved):
                told[effect.target, effect.what] += 1
                if effect.what in _WINDOWED and effect.decided_at is not None:
                    used[effect.pool, effect.priority, effect.what, effect.decided_at].append(effect.used)
        for (target, what), times in told.items():
            SLA_TARGETS.labels(target, what).inc(times)
        for (pool, priority, what, decided_at), shares in used.items():
            self._slide(self._pool(pool), self._level(priority), what, shares, from_datetime(decided_at))

    def _slide(self, pool: str, level: str, what: str, shares: Sequence[float], now_us: int) -> None:
        with self._lock:
            windows = self._windows_of(pool, level)
            windows.told[what].add(len(shares), now_us)
            if what != WARNED:
                windows.burned.add(sum(shares), now_us)

    def _windows_of(self, pool: str, level: str) -> _Windows:
        windows = self._windows.get((pool, level))
        if windows is None:
            told = {what: Window(self._window_us) for what in sorted(_WINDOWED)}
            windows = self._windows[pool, level] = _Windows(told, Window(self._window_us))
            for what, window in told.items():
                SLA_WINDOW_TARGETS.labels(pool, level, what).set_function(self._total_of(window))
            SLA_WINDOW_BURN.labels(pool, level).set_function(lambda: self._burn(windows))
        return windows

    def _total_of(self, window: Window) -> Any:
        def total() -> float:
            with self._lock:
                return window.total(from_datetime(self._clock.now()))

        return total

    def _burn(self, windows: _Windows) -> float:
        """The mean share of their budgets that clocks had used at their verdicts."""
        with self._lock:
            now_us = from_datetime(self._clock.now())
            verdicts = sum(windows.told[what].total(now_us) for what in (MET, BREACHED))
            return windows.burned.total(now_us) / verdicts if verdicts else 0.0


class SurgeCounter:
    """The `on_effects` of the surges' processor.

    A surge of a pool that has moved to another process is forgotten once its window would have slid on without it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._surges: dict[tuple[str, str], datetime] = {}
        self._level = Bounded(LEVELS_MAX)
        self._levels: set[str] = set()

    def __call__(self, effects: Sequence[Any]) -> None:
        """Count what begins, and note what goes on."""
        for effect in effects:
            if isinstance(effect, SurgeSeen):
                with self._lock:
                    level = self._shown(effect.priority)
                    self._surges.pop((effect.key, level), None)
                    if effect.surge and len(self._surges) < SURGES_MAX:
                        self._surges[effect.key, level] = effect.until + SLIDE_GRACE
                if effect.began:
                    SLA_SURGES.labels(level).inc()

    def _shown(self, priority: str) -> str:
        level = self._level(priority)
        if level not in self._levels:
            self._levels.add(level)
            SLA_POOLS_IN_SURGE.labels(level).set_function(lambda: self._in_surge(level))
        return level

    def _in_surge(self, level: str) -> float:
        with self._lock:
            now = self._clock.now()
            return float(sum(each == level and until > now for (_, each), until in self._surges.items()))
