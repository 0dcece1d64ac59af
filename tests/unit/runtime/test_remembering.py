"""What is over is remembered for as long as any input can be read again: less is refused when a service starts."""

from __future__ import annotations

from typing import Final

import pytest
from pydantic import ValidationError

from schemas.topics import NOTIFIER_OUTBOX, ROUTING_WORK, TICKET_COMMANDS, TICKET_EVENTS, TICKET_SLA, Topic
from services._runtime.settings import RuntimeSettings
from services.feedback.settings import FeedbackSettings
from services.intake.settings import IntakeSettings
from services.notifier.settings import NotifierSettings
from services.router.settings import RouterSettings
from services.sla_monitor.settings import SlaMonitorSettings

HOUR_SECONDS: Final = 3_600
LONGEST: Final[tuple[tuple[type[RuntimeSettings], str, Topic], ...]] = (
    (IntakeSettings, "forget_after_seconds", TICKET_COMMANDS),
    (RouterSettings, "router_ended_offer_retention_seconds", ROUTING_WORK),
    (SlaMonitorSettings, "sla_forget_after_seconds", TICKET_EVENTS),
    (NotifierSettings, "notifier_ticket_kept_seconds", TICKET_EVENTS),
    (NotifierSettings, "notifier_delivery_kept_seconds", NOTIFIER_OUTBOX),
    (FeedbackSettings, "feedback_retention_seconds", TICKET_EVENTS),
    (FeedbackSettings, "attainment_kept_seconds", TICKET_SLA),
)
"""Each setting with the input that is kept longest."""


@pytest.mark.parametrize(("kind", "name", "topic"), LONGEST, ids=[name for _, name, _ in LONGEST])
def test_remembering_for_less_than_an_input_is_kept_is_refused(
    monkeypatch: pytest.MonkeyPatch, kind: type[RuntimeSettings], name: str, topic: Topic
) -> None:
    kept_seconds = topic.retention_hours * HOUR_SECONDS
    monkeypatch.setenv("AFTERCARE_SECRET", "s" * 32)
    monkeypatch.setenv(f"AFTERCARE_{name}".upper(), str(kept_seconds - 1))
    with pytest.raises(ValidationError, match=f"(?s){name}.*than {topic.name} keeps its records, {kept_seconds} s"):
        kind()
    monkeypatch.setenv(f"AFTERCARE_{name}".upper(), str(kept_seconds))
    assert getattr(kind(), name) == kept_seconds
