"""What runs in a process of intake, by its settings."""

from __future__ import annotations

from typing import Any

import pytest

from services._runtime.clock import SystemClock
from services._runtime.directory.directory import Directory
from services.intake import app as app_module
from services.intake.app import Edges
from services.intake.settings import IntakeSettings


def edges(**more: Any) -> Edges:
    return Edges(IntakeSettings(secret="s" * 32, **more), Directory(), SystemClock())  # type: ignore[arg-type]


def test_mail_is_read_only_where_a_mailbox_is_configured() -> None:
    assert list(edges().services()) == ["connections", "read_model"]
    assert list(edges(imap_host="mail.example").services()) == ["connections", "read_model", "mail_gateway"]


def test_the_worker_finds_the_app_and_gets_the_same_one_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_SECRET", "s" * 32)
    built = app_module.app
    assert built.service_name == "intake"
    assert app_module.app is built
    with pytest.raises(AttributeError):
        app_module.nothing_of_this_name  # noqa: B018 - looking is the test
