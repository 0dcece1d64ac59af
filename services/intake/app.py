"""Wiring: `faust -A services.intake.app worker` starts this app, and so does `python -m services.intake`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, FastAPI
from mode import Service, ServiceT

from services._runtime.clock import Clock, SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.hosting.hosting import ServiceApp, create_app
from services._runtime.hosting.running import Running
from services._runtime.kafka.follower import Follower
from services._runtime.kafka.producer import EventProducer
from services._runtime.processor.processor import Processor
from services._runtime.redis_client import RedisClient
from services._runtime.view.following import ReadModel
from services._runtime.view.lease import Lease
from services._runtime.view.projector import Projector
from services._runtime.web.audited import audited_route
from services._runtime.web.web import create_web
from services.intake.adapters import keys
from services.intake.adapters.mail.gateway import MailGateway, Origin
from services.intake.adapters.mail.mailbox import Account, Mailbox
from services.intake.adapters.profiles import Profiles
from services.intake.adapters.read_model.projecting import APPLY, FOLLOWED, change_of
from services.intake.adapters.read_model.queries import TicketViews
from services.intake.adapters.requests import RequestGateway
from services.intake.adapters.rule_file import load_rules
from services.intake.adapters.threads import ThreadIndex
from services.intake.api.access import Gatekeeper
from services.intake.api.bulk import BulkGateway, bulk_router
from services.intake.api.commands import SOURCE, CommandGateway, commands_router
from services.intake.api.idempotency import IdempotencyStore
from services.intake.api.progress import ProgressPage, progress_router
from services.intake.api.queries import queries_router
from services.intake.api.requests import ProgressLinks, Submission, requests_router
from services.intake.handlers import count_effects, ledger_topology, normaliser_topology
from services.intake.settings import IntakeSettings

DAY_SECONDS: Final = 86_400
DESCRIPTION: Final = "After-sales requests in, tickets and their progress out. Errors are problem documents (RFC 9457)."


class Connections(Service):
    """What the gateways share, closed once they have stopped. Each connects when it is first used."""

    def __init__(self, redis: RedisClient, producer: EventProducer) -> None:
        super().__init__()
        self._redis = redis
        self._producer = producer

    async def on_stop(self) -> None:
        """Called by mode."""
        await self._producer.stop()
        await self._redis.stop()


class Edges:
    """The adapters of one process, and what is made of them."""

    def __init__(self, settings: IntakeSettings, directory: Directory, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.redis = RedisClient(settings.redis_url)
        self.producer = EventProducer(
            settings.kafka_bootstrap, client_id=f"intake-gateway-{settings.instance}", clock=clock
        )
        self.views = TicketViews(self.redis)
        self.profiles = Profiles(directory)
        self.threads = ThreadIndex(
            self.redis,
            keep_seconds=settings.thread_keep_days * DAY_SECONDS,
            reopen_seconds=settings.reopen_within_seconds,
        )
        self.requests = RequestGateway(self.producer, self.threads)

    def web(self) -> FastAPI:
        """The HTTP API and the progress page."""
        settings, clock = self.settings, self.clock
        gatekeeper = Gatekeeper(settings.secret, clock)
        calls = IdempotencyStore(self.redis, keep_seconds=settings.idempotency_keep_seconds)
        commands = CommandGateway(self.views, self.producer, calls, clock, settings.public_url)
        audits = audited_route(self.producer, settings.secret, clock, source=SOURCE)
        audited = APIRouter(tags=["commands"], route_class=audits)
        bulk = BulkGateway(self.views, self.producer, calls, clock, settings.public_url)
        bulks = APIRouter(tags=["commands"], route_class=audits)
        submission = Submission(
            requests=self.requests,
            views=self.views,
            customers=self.profiles,
            calls=calls,
            links=ProgressLinks(
                settings.secret, base_url=settings.public_url, lifetime=timedelta(days=settings.progress_link_days)
            ),
            clock=clock,
        )
        routers = (
            requests_router(gatekeeper, submission),
            commands_router(gatekeeper, commands, audited),
            bulk_router(gatekeeper, bulk, bulks),
            queries_router(gatekeeper, self.views),
            progress_router(ProgressPage(ZoneInfo(settings.timezone)), self.views, settings.secret, clock),
        )
        return create_web("Aftercare intake", clock=clock, routers=routers, description=DESCRIPTION)

    def services(self) -> Mapping[str, Callable[[], ServiceT]]:
        """What runs beside the web server, by name. The mail gateway only where a mailbox is configured."""
        made: dict[str, Callable[[], ServiceT]] = {
            "connections": lambda: Connections(self.redis, self.producer),
            "read_model": self._read_model,
        }
        return {**made, "mail_gateway": self._mail_gateway} if self.settings.imap_host else made

    def read_model(self) -> ReadModel:
        """The loop that keeps Redis up with the topics."""
        settings = self.settings
        projector = Projector(
            self.redis,
            script=APPLY,
            positions_key=keys.POSITIONS,
            fresh_key=keys.FRESH,
            options=(
                settings.view_keep_days * DAY_SECONDS,
                settings.thread_keep_days * DAY_SECONDS,
                settings.view_timeline_entries,
                settings.view_ended_tickets,
            ),
        )
        follower = Follower(
            settings.kafka_bootstrap,
            [topic.name for topic in FOLLOWED],
            name=f"intake-read-model-{settings.instance}",
        )
        lease = Lease(self.redis, keys.LEASE, settings.instance, self.clock)
        return ReadModel(follower, change_of, projector, lease, self.clock)

    def mail_gateway(self) -> MailGateway:
        """The loop that reads the mailbox."""
        settings = self.settings
        account = Account(
            host=settings.imap_host,
            port=settings.imap_port,
            user=settings.imap_user,
            password=settings.imap_password,
            security=settings.imap_security,
            folder=settings.imap_folder,
            rejected_folder=settings.imap_rejected_folder,
        )
        return MailGateway(
            Mailbox(account),
            self.requests,
            self.profiles,
            Lease(self.redis, keys.MAILBOX_LEASE, settings.instance, self.clock),
            origin=Origin(settings.mail_tenant, settings.secret, settings.mail_from or settings.imap_user),
            clock=self.clock,
            poll_seconds=settings.imap_poll_seconds,
        )

    def _read_model(self) -> ServiceT:
        made = self.read_model()
        return Running(made.run, lambda: made.status)

    def _mail_gateway(self) -> ServiceT:
        made = self.mail_gateway()
        return Running(made.run, lambda: made.status)


def build(settings: IntakeSettings, *, clock: Clock | None = None) -> ServiceApp:
    """Intake as a Faust application. Connects to nothing yet.

    Raises:
        InvalidRules: the normaliser's rules can't be used.
    """
    clock = clock or SystemClock()
    directory = Directory()
    edges = Edges(settings, directory, clock)
    topologies: tuple[Any, ...] = (normaliser_topology(load_rules(settings.rules_file)), ledger_topology(settings))
    return create_app(
        "intake",
        settings=settings,
        processors=[Processor(each, settings, clock=clock, on_effects=count_effects) for each in topologies],
        web=edges.web(),
        services=edges.services(),
        directory=directory,
        clock=clock,
    )


def __getattr__(name: str) -> ServiceApp:
    """Build `app` when it is first asked for: parts of this module can be had without the environment of a service."""
    if name != "app":
        raise AttributeError(name)
    made = globals()["app"] = build(IntakeSettings())
    return made
