"""Wiring: `faust -A services.sla_monitor.app worker` starts this app, and so does `python -m services.sla_monitor`."""

from __future__ import annotations

from services._runtime.clock import Clock, SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.hosting.hosting import ServiceApp, create_app
from services._runtime.processor.processor import Processor
from services.sla_monitor.adapters.counting import TargetCounter
from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.domain.instants import SECOND_US
from services.sla_monitor.domain.surge import SurgeSettings
from services.sla_monitor.handlers import clocks_topology
from services.sla_monitor.settings import SlaMonitorSettings


def build(settings: SlaMonitorSettings, *, clock: Clock | None = None) -> ServiceApp:
    """The SLA monitor as a Faust application. Connects to nothing yet.

    Its processor starts once the Faust agent has read the directory, whose policies and calendars it decides by.

    Raises:
        InvalidPolicy, InvalidCalendar: a packaged one can't be used.
    """
    clock = clock or SystemClock()
    directory = Directory()
    surges = SurgeSettings(
        window_us=settings.sla_surge_window_seconds * SECOND_US, threshold=settings.sla_surge_breaches
    )
    topology = clocks_topology(settings, DirectoryTerms(directory, settings, clock))
    processor = Processor(
        topology, settings, clock=clock, on_effects=TargetCounter(clock, surges), may_begin=lambda: directory.caught_up
    )
    return create_app(
        "sla_monitor",
        settings=settings,
        processors=[processor],
        directory=directory,
        clock=clock,
    )


app = build(SlaMonitorSettings())
