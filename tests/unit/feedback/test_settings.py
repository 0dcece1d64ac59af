"""Settings that contradict each other are refused at start."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from services.feedback.settings import FeedbackSettings


def settings(**changes: int) -> FeedbackSettings:
    return FeedbackSettings.model_validate({"secret": "s" * 32, **changes})


def test_the_default_asks_within_a_day_of_closing() -> None:
    assert settings().policy.ask_after <= timedelta(hours=24)


def test_asking_later_than_a_day_after_closing_is_refused() -> None:
    with pytest.raises(ValidationError, match="survey_after_seconds"):
        settings(survey_after_seconds=86_401)


def test_forgetting_a_requester_before_they_may_be_asked_again_is_refused() -> None:
    with pytest.raises(ValidationError, match="survey_again_after_seconds"):
        settings(survey_again_after_seconds=settings().feedback_retention_seconds + 1)


def test_the_environment_names_them_with_the_products_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_SECRET", "s" * 32)
    monkeypatch.setenv("AFTERCARE_SURVEY_AFTER_SECONDS", "5")
    assert FeedbackSettings().policy.ask_after == timedelta(seconds=5)
