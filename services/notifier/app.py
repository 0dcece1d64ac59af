"""Wiring: the Faust app of the notifier. `faust -A services.notifier.app worker` or `python -m services.notifier`."""

from __future__ import annotations

from typing import Final

from schemas.vocabulary import Medium
from services._runtime.clock import Clock, SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.hosting.hosting import ServiceApp, create_app
from services._runtime.kafka.producer import EventProducer
from services._runtime.processor.processor import Processor
from services.notifier.adapters.email import Mailer
from services.notifier.adapters.lookups import lookups_in
from services.notifier.adapters.package_data import load_audience, load_library, refuse_missing
from services.notifier.adapters.sender import HandOver, Sender
from services.notifier.handlers.delivery import delivery_topology
from services.notifier.handlers.notify import notify_topology
from services.notifier.settings import NotifierSettings

MEDIA: Final = (Medium.EMAIL,)
"""Media that have a sender."""


def build(settings: NotifierSettings, clock: Clock) -> ServiceApp:
    """Return the service, ready for the worker.

    Raises:
        InvalidAudience: the rules of who is told can't be used.
        InvalidTemplate: a template can't be used.
    """
    audience, library = load_audience(settings.notifier_audience_path, MEDIA), load_library()
    refuse_missing(audience, library)
    directory = Directory()
    hand_over = HandOver(
        attempts_max=settings.notifier_queue_max, wait_seconds=settings.notifier_hand_over_seconds, clock=clock
    )
    notify = Processor(
        notify_topology(settings, audience, library, lookups_in(directory)),
        settings,
        clock=clock,
        may_begin=lambda: directory.caught_up,
    )
    delivery = Processor(delivery_topology(settings, library), settings, clock=clock, on_effects=hand_over.give)

    def sender() -> Sender:
        return Sender(
            hand_over,
            channels={Medium.EMAIL: lambda: Mailer(settings, clock)},
            results=EventProducer(
                settings.kafka_bootstrap, client_id=f"notifier-sender-{settings.instance}", clock=clock
            ),
            clock=clock,
            workers=settings.notifier_sends_concurrent_max,
            send_timeout_seconds=settings.notifier_send_timeout_seconds,
            idle_seconds=settings.notifier_connection_idle_seconds,
        )

    return create_app(
        "notifier",
        settings=settings,
        processors=(notify, delivery),
        services={"sender": sender},
        directory=directory,
        clock=clock,
    )


app: Final = build(NotifierSettings(), SystemClock())
