"""Wiring: `faust -A services.sla_monitor.app worker` starts this app, and so does `python -m services.sla_monitor`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from mode import Service, ServiceT

from schemas.topics import CHANGELOGS
from services._runtime.clock import Clock, SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.engine.topology import Topology
from services._runtime.hosting.hosting import ServiceApp, create_app
from services._runtime.hosting.running import Running
from services._runtime.kafka.follower import Follower
from services._runtime.processor.processor import Processor
from services._runtime.redis_client import RedisClient
from services._runtime.view.following import ReadModel
from services._runtime.view.lease import Lease
from services._runtime.view.projector import Projector
from services._runtime.web.web import create_web
from services.sla_monitor.adapters.clocks_view import keys
from services.sla_monitor.adapters.clocks_view.gauges import ClockGauges
from services.sla_monitor.adapters.clocks_view.projecting import APPLY, ClocksProjection
from services.sla_monitor.adapters.clocks_view.queries import ClocksView
from services.sla_monitor.adapters.counting import SurgeCounter, TargetCounter
from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.api.board import board_router
from services.sla_monitor.api.board_page import BoardPage
from services.sla_monitor.api.explain import explain_router
from services.sla_monitor.domain.instants import SECOND_US
from services.sla_monitor.handlers import Rulings, clocks_topology, surges_topology
from services.sla_monitor.settings import SlaMonitorSettings
from services.sla_monitor.state import SurgeState, TicketClocks

DAY_SECONDS: Final = 86_400
DESCRIPTION: Final = "What the clocks of tickets say, and why. Errors are problem documents (RFC 9457)."


class Connections(Service):
    """Redis, closed once the web server and the view have stopped. It connects when it is first used."""

    def __init__(self, redis: RedisClient) -> None:
        super().__init__()
        self._redis = redis

    async def on_stop(self) -> None:
        """Called by mode."""
        await self._redis.stop()


class Edges:
    """What shows the clocks to people: the view in Redis, the API and the board."""

    def __init__(
        self,
        settings: SlaMonitorSettings,
        topology: Topology[TicketClocks],
        surges: Topology[SurgeState],
        directory: Directory,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.redis = RedisClient(settings.redis_url)
        self.clocks = ClocksView(self.redis)
        # Terms of its own: the processor's belong to its thread.
        self.rulings = Rulings(DirectoryTerms(directory, settings, clock))
        self._projection = ClocksProjection(topology, surges, self.rulings)
        self._kept_view: ReadModel | None = None

    def web(self) -> FastAPI:
        """The API and the board."""
        settings, clock = self.settings, self.clock
        routers = (
            explain_router(settings.secret, self.clocks, self.rulings, clock),
            board_router(settings.secret, self.clocks, BoardPage(ZoneInfo(settings.timezone)), clock),
        )
        return create_web("Aftercare clocks", clock=clock, routers=routers, description=DESCRIPTION)

    def view(self) -> ReadModel:
        """The loop that keeps Redis up with the clocks' changelog."""
        settings = self.settings
        projector = Projector(
            self.redis,
            script=APPLY,
            positions_key=keys.POSITIONS,
            fresh_key=keys.FRESH,
            options=(settings.sla_view_keep_days * DAY_SECONDS, settings.sla_view_late_rows),
        )
        changelogs = [CHANGELOGS["sla_monitor", store].name for store in ("clocks", "surges")]
        follower = Follower(settings.kafka_bootstrap, changelogs, name=f"sla-clocks-view-{settings.instance}")
        lease = Lease(self.redis, keys.LEASE, settings.instance, self.clock)
        return ReadModel(follower, self._projection.change_of, projector, lease, self.clock)

    def services(self) -> Mapping[str, Callable[[], ServiceT]]:
        """What runs beside the web server, by name."""
        return {
            "connections": lambda: Connections(self.redis),
            "clocks_view": self._running_view,
            "clock_gauges": self._running_gauges,
        }

    def _running_view(self) -> ServiceT:
        made = self._kept_view = self.view()
        return Running(made.run, lambda: made.status)

    def _running_gauges(self) -> ServiceT:
        made = ClockGauges(self.clocks, lambda: self._kept_view is not None and self._kept_view.projecting)
        return Running(made.run, lambda: made.status)


def build(settings: SlaMonitorSettings, *, clock: Clock | None = None) -> ServiceApp:
    """The SLA monitor as a Faust application. Connects to nothing yet.

    Its processors start once the Faust agent has read the directory, whose policies and calendars they decide by.

    Raises:
        InvalidPolicy, InvalidCalendar: a packaged one can't be used.
    """
    clock = clock or SystemClock()
    directory = Directory()
    topology = clocks_topology(settings, DirectoryTerms(directory, settings, clock))
    counter = TargetCounter(clock, settings.sla_window_seconds * SECOND_US)
    clocks = Processor(topology, settings, clock=clock, on_effects=counter, may_begin=lambda: directory.caught_up)
    pools = surges_topology(DirectoryTerms(directory, settings, clock))
    surges = Processor(
        pools, settings, clock=clock, on_effects=SurgeCounter(clock), may_begin=lambda: directory.caught_up
    )
    edges = Edges(settings, topology, pools, directory, clock)
    return create_app(
        "sla_monitor",
        settings=settings,
        processors=[clocks, surges],
        web=edges.web(),
        services=edges.services(),
        directory=directory,
        clock=clock,
    )


def __getattr__(name: str) -> ServiceApp:
    """Build `app` when it is first asked for: parts of this module can be had without the environment of a service."""
    if name != "app":
        raise AttributeError(name)
    made = globals()["app"] = build(SlaMonitorSettings())
    return made
