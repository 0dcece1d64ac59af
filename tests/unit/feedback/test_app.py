"""Feedback's wiring, without a broker."""

from __future__ import annotations

import importlib

import pytest

from services._runtime.metrics import FEEDBACK_CSAT, FEEDBACK_NPS, FEEDBACK_SURVEYS, FEEDBACK_VERDICTS
from services.feedback.handlers import RATED_LOW, REQUESTED, SurveyMoved, VerdictMoved


def total(outcome: str) -> float:
    value: float = FEEDBACK_SURVEYS.labels(outcome)._value.get()
    return value


def scores() -> tuple[float, float]:
    return FEEDBACK_CSAT._sum.get(), FEEDBACK_NPS._sum.get()


def test_the_app_hosts_page_and_processor_and_counts_what_it_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_SECRET", "s" * 32)
    module = importlib.import_module("services.feedback.app")
    parts = [part.name for part in module.app.host.health.parts]
    assert parts == ["web", "feedback.surveys", "feedback.attainment", "directory", "survey_producer"]
    before = (total(REQUESTED), total(RATED_LOW), scores())
    module.count_surveys([SurveyMoved(REQUESTED), SurveyMoved(RATED_LOW, 2, 0)])
    assert (total(REQUESTED), total(RATED_LOW)) == (before[0] + 1, before[1] + 1)
    assert scores() == (before[2][0] + 2, before[2][1])
    met = FEEDBACK_VERDICTS.labels("resolution", "met")._value
    so_far = met.get()
    module.count_verdicts([VerdictMoved("resolution", "met"), VerdictMoved("resolution", "met")])
    assert met.get() == so_far + 2
