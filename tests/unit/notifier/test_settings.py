from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.notifier.settings import NotifierSettings

SECRET = {"secret": "s" * 32}


def settings(**values: Any) -> NotifierSettings:
    return NotifierSettings.model_validate({**SECRET, **values})


def test_the_defaults_leave_half_of_the_spare_time_for_beginning_and_half_for_the_result() -> None:
    assert settings().begin_within == timedelta(seconds=45)


def test_an_attempt_must_be_able_to_end_before_it_counts_as_silent() -> None:
    with pytest.raises(ValidationError, match="must be more than notifier_send_timeout_seconds"):
        settings(notifier_send_timeout_seconds=30, notifier_result_timeout_seconds=30)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mail_from": "Support <support@desk.example>"},
        {"mail_from": "nobody"},
        {"mail_reply_to": "a@b.example, c@d.example"},
        {"notifier_timezone": "Mars/Olympus"},
        {"notifier_timezone": "../../etc/passwd"},
        {"smtp_username": "desk"},
        {"smtp_security": "maybe"},
        {"notifier_sends_concurrent_max": 0},
        {"notifier_staff_language": "fr"},
    ],
)
def test_what_cannot_work_is_refused_at_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        settings(**wrong)


def test_answers_go_to_the_support_address_unless_another_is_named() -> None:
    assert settings(mail_from="a@desk.example").reply_to == "a@desk.example"
    assert settings(mail_from="a@desk.example", mail_reply_to="b@desk.example").reply_to == "b@desk.example"
    assert settings(mail_from="a@desk.example").mail_domain == "desk.example"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_SECRET", "s" * 32)
    monkeypatch.setenv("AFTERCARE_SMTP_PORT", "2525")
    monkeypatch.setenv("AFTERCARE_NOTIFIER_RETRY_FIRST_SECONDS", "0.5")
    found = NotifierSettings()
    assert (found.smtp_port, found.email_rule.first_delay_seconds) == (2525, 0.5)
