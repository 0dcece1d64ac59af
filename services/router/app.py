"""Wiring: `faust -A services.router.app worker` starts this app, and so does `python -m services.router`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from time import perf_counter
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, FastAPI
from mode import Service, ServiceT

from schemas.topics import CHANGELOGS
from services._runtime.clock import Clock, SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.engine.topology import Context, Decision, Event, Handler, Topology
from services._runtime.hosting.hosting import ServiceApp, create_app
from services._runtime.hosting.running import Running
from services._runtime.kafka.follower import Follower
from services._runtime.kafka.producer import EventProducer
from services._runtime.metrics import (
    ROUTER_ALARMS,
    ROUTER_DECISION_SECONDS,
    ROUTER_DECISIONS,
    ROUTER_DECLINES,
    ROUTER_WAIT_SECONDS,
)
from services._runtime.processor.processor import Processor
from services._runtime.redis_client import RedisClient
from services._runtime.view.following import ReadModel
from services._runtime.view.lease import Lease
from services._runtime.view.projector import Projector
from services._runtime.web.audited import audited_route
from services._runtime.web.web import create_web
from services.router.adapters import attendance
from services.router.adapters.attendance import HeartbeatBook, SilenceWatch
from services.router.adapters.directory_writer import SOURCE, KafkaDirectory
from services.router.adapters.pools_view import keys
from services.router.adapters.pools_view.projecting import APPLY, PoolsProjection
from services.router.adapters.pools_view.queries import PoolsView
from services.router.adapters.replay.asking import Replays
from services.router.adapters.replay.source import KafkaLogs
from services.router.adapters.replay.why import Rules
from services.router.api.assigning import Assigning
from services.router.api.board import board_router
from services.router.api.board_page import BoardPage
from services.router.api.directory import DirectoryApi, directory_router
from services.router.api.presence import presence_router
from services.router.api.why import why_router
from services.router.handlers import (
    ASSIGNED,
    BY_HAND,
    OVERFLOWED,
    AssignmentDecided,
    DeclineHeard,
    OwnerAlarmed,
    router_topology,
)
from services.router.settings import RouterSettings
from services.router.state import State

DESCRIPTION: Final = "Who works where, who is there, who gets which ticket. Errors are problem documents (RFC 9457)."


_GIVEN = frozenset({ASSIGNED, BY_HAND, OVERFLOWED})


def count_decisions(effects: Sequence[Any]) -> None:
    """Count committed decisions; called from the processor's thread."""
    for effect in effects:
        match effect:
            case AssignmentDecided():
                ROUTER_DECISIONS.labels(effect.outcome).inc()
                if effect.outcome in _GIVEN:
                    ROUTER_WAIT_SECONDS.labels(effect.priority).observe(effect.waited_seconds)
            case DeclineHeard():
                ROUTER_DECLINES.labels(str(effect.in_time).lower()).inc()
            case OwnerAlarmed():
                ROUTER_ALARMS.labels(effect.reason).inc()
            case _:
                pass


def timed(topology: Topology[State]) -> Topology[State]:
    """The same topology, which tells how long each event took to decide."""
    return replace(topology, handlers={kind: _timed(handler) for kind, handler in topology.handlers.items()})


def _timed(handler: Handler) -> Handler:
    observe: Callable[[float], None] = ROUTER_DECISION_SECONDS.observe

    def decide(state: State | None, event: Event, context: Context) -> Decision[State]:
        began = perf_counter()
        decision: Decision[State] = handler(state, event, context)
        observe(perf_counter() - began)
        return decision

    return decide


class Connections(Service):
    """Redis and the producer, closed once what uses them has stopped. Each connects when it is first used."""

    def __init__(self, redis: RedisClient, producer: EventProducer) -> None:
        super().__init__()
        self._redis = redis
        self._producer = producer

    async def on_stop(self) -> None:
        """Called by mode."""
        await self._producer.stop()
        await self._redis.stop()


class Edges:
    """What people and other systems have to do with: the directory's API, presence, the board and its view."""

    def __init__(
        self,
        settings: RouterSettings,
        topology: Topology[State],
        directory: Directory,
        clock: Clock,
        producer: EventProducer | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.directory = directory
        self.redis = RedisClient(settings.redis_url)
        self.producer = producer or EventProducer(
            settings.kafka_bootstrap, client_id=f"router-edge-{settings.instance}", clock=clock
        )
        self.pools = PoolsView(self.redis, settings.policy)
        self.writer = KafkaDirectory(self.producer, directory, clock)
        self.book = HeartbeatBook(self.redis, self.writer, clock)
        self.rules = Rules(topology, settings.policy)
        self._projection = PoolsProjection(topology)

    def web(self) -> FastAPI:
        """The API and the board."""
        settings, clock = self.settings, self.clock
        audits = audited_route(self.producer, settings.secret, clock, source=SOURCE, entity="entity_id")
        audited = APIRouter(tags=["directory"], route_class=audits)
        api = DirectoryApi(self.directory, self.writer)
        directory_router(settings.secret, api, clock, audited)
        presence_router(
            settings.secret, api, self.book, clock, audited, timeout_seconds=settings.router_heartbeat_timeout_seconds
        )
        assigning = Assigning(self.pools, self.producer, clock)
        page = BoardPage(ZoneInfo(settings.timezone))
        reasons = Replays(KafkaLogs(settings, settings.router_replay_records_max), self.rules)
        routers = (
            audited,
            why_router(settings.secret, reasons, clock),
            board_router(settings.secret, self.pools, page, assigning, clock),
        )
        return create_web("Aftercare router", clock=clock, routers=routers, description=DESCRIPTION)

    def view(self) -> ReadModel:
        """The loop that keeps Redis up with the pools' changelog."""
        settings = self.settings
        projector = Projector(self.redis, script=APPLY, positions_key=keys.POSITIONS, fresh_key=keys.FRESH)
        changelog = CHANGELOGS["router", "pools"]
        follower = Follower(settings.kafka_bootstrap, [changelog.name], name=f"router-pools-view-{settings.instance}")
        lease = Lease(self.redis, keys.LEASE, settings.instance, self.clock)
        return ReadModel(follower, self._projection.change_of, projector, lease, self.clock)

    def silence_watch(self) -> SilenceWatch:
        """The loop that states who has fallen silent."""
        settings = self.settings
        lease = Lease(self.redis, attendance.LEASE, settings.instance, self.clock)
        timeout = timedelta(seconds=settings.router_heartbeat_timeout_seconds)
        return SilenceWatch(self.book, self.directory, lease, self.clock, timeout=timeout)

    def services(self) -> Mapping[str, Callable[[], ServiceT]]:
        """What runs beside the web server, by name."""
        return {
            "connections": lambda: Connections(self.redis, self.producer),
            "pools_view": self._running_view,
            "silence_watch": self._running_watch,
        }

    def _running_view(self) -> ServiceT:
        made = self.view()
        return Running(made.run, lambda: made.status)

    def _running_watch(self) -> ServiceT:
        made = self.silence_watch()
        return Running(made.run, lambda: made.status)


def build(settings: RouterSettings, *, clock: Clock | None = None) -> ServiceApp:
    """The router as a Faust application. Connects to nothing yet.

    It follows the directory by its Faust agent as every service does; what it decides by comes on `routing.work`.
    """
    clock = clock or SystemClock()
    directory = Directory()
    topology = router_topology(settings)
    processor = Processor(timed(topology), settings, clock=clock, on_effects=count_decisions)
    edges = Edges(settings, topology, directory, clock)
    return create_app(
        "router",
        settings=settings,
        processors=[processor],
        web=edges.web(),
        services=edges.services(),
        directory=directory,
        clock=clock,
    )


def __getattr__(name: str) -> ServiceApp:
    """Build `app` when it is first asked for: parts of this module can be had without the environment of a service."""
    if name != "app":
        raise AttributeError(name)
    made = globals()["app"] = build(RouterSettings())
    return made
