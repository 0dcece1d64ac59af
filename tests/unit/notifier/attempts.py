"""Attempts for the tests of the senders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from schemas.vocabulary import Language, Medium
from services.notifier.domain.deliveries import Attempt
from services.notifier.settings import NotifierSettings

NOW: Final = datetime(2026, 1, 7, 8, tzinfo=UTC)
SECRET: Final = "s" * 32
SETTINGS: Final = NotifierSettings.model_validate({"secret": SECRET, "mail_from": "support@desk.example"})


def attempt(number: int = 1, delivery_id: str = "T-1.opened.00", **changes: Any) -> Attempt:
    """Return an attempt that was started just now."""
    stated: dict[str, Any] = {
        "ticket_id": "T-1",
        "tenant": "acme",
        "medium": Medium.EMAIL,
        "address": "wang@customer.example",
        "language": Language.ZH_CN,
        "subject": "[T-1] 我们已收到您的请求：无法登录",
        "body": "王先生：\n\n我们已收到您的请求。\n.\n" + "很长的一行" * 300 + "\n",
        "requested_at": NOW,
        "begin_before": NOW + timedelta(seconds=45),
        "result_due_at": NOW + timedelta(seconds=120),
    }
    return Attempt(delivery_id=delivery_id, number=number, **{**stated, **changes})
