"""Wiring: `faust -A services.feedback.app worker` starts this app, and so does `python -m services.feedback`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from mode import Service

from services._runtime.clock import Clock, SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.hosting.hosting import ServiceApp, create_app
from services._runtime.kafka.producer import EventProducer
from services._runtime.metrics import FEEDBACK_CSAT, FEEDBACK_NPS, FEEDBACK_SURVEYS, FEEDBACK_VERDICTS
from services._runtime.processor.processor import Processor
from services._runtime.web.web import create_web
from services.feedback.api.pages import SurveyPages
from services.feedback.api.routes import SurveyApi, survey_routes
from services.feedback.handlers import OUTCOMES, SurveyMoved, VerdictMoved, attainment_topology, feedback_topology
from services.feedback.settings import FeedbackSettings


class ProducerStop(Service):
    """Lets the gateway's producer write what is pending once the web server has answered its last request."""

    def __init__(self, producer: EventProducer) -> None:
        super().__init__()
        self._producer = producer

    async def on_stop(self) -> None:
        """Called by mode."""
        await self._producer.stop()


def count_surveys(effects: Sequence[Any]) -> None:
    """Count what became of surveys and answers; called from the processor's thread."""
    for effect in effects:
        if isinstance(effect, SurveyMoved):
            FEEDBACK_SURVEYS.labels(effect.outcome).inc()
            if effect.csat is not None:
                FEEDBACK_CSAT.observe(effect.csat)
            if effect.nps is not None:
                FEEDBACK_NPS.observe(effect.nps)


def count_verdicts(effects: Sequence[Any]) -> None:
    """Count verdicts and what was taken back of them; called from the processor's thread."""
    moved = Counter((effect.target, effect.outcome) for effect in effects if isinstance(effect, VerdictMoved))
    for (target, outcome), times in moved.items():
        FEEDBACK_VERDICTS.labels(target, outcome).inc(times)


def build(settings: FeedbackSettings, *, clock: Clock | None = None) -> ServiceApp:
    """Feedback as a Faust application. Connects to nothing yet.

    It follows the directory by its Faust agent as every service does; what it decides by comes on its own topics.
    """
    clock = clock or SystemClock()
    for outcome in OUTCOMES:
        FEEDBACK_SURVEYS.labels(outcome)  # 0 from the start: the first one is an increase too
    producer = EventProducer(settings.kafka_bootstrap, client_id=f"feedback-{settings.instance}-survey", clock=clock)
    api = SurveyApi(secret=settings.secret, sender=producer, clock=clock, pages=SurveyPages())
    return create_app(
        "feedback",
        settings=settings,
        processors=[
            Processor(feedback_topology(settings), settings, clock=clock, on_effects=count_surveys),
            Processor(attainment_topology(settings), settings, clock=clock, on_effects=count_verdicts),
        ],
        web=create_web("Aftercare surveys", clock=clock, routers=[survey_routes(api)]),
        services={"survey_producer": lambda: ProducerStop(producer)},
        directory=Directory(),
        clock=clock,
    )


app = build(FeedbackSettings())
