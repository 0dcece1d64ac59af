"""The router's wiring, without a broker."""

from __future__ import annotations

import importlib

import pytest

from services._runtime.metrics import ROUTER_DECISIONS, ROUTER_WAIT_SECONDS
from services.router.handlers import ASSIGNED, QUEUED, AssignmentDecided


def total(outcome: str) -> float:
    value: float = ROUTER_DECISIONS.labels(outcome)._value.get()
    return value


def waited_seconds() -> float:
    value: float = ROUTER_WAIT_SECONDS.labels("P2")._sum.get()
    return value


def test_the_app_hosts_the_processor_and_counts_what_it_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_SECRET", "s" * 32)
    module = importlib.import_module("services.router.app")
    assert [part.name for part in module.app.host.health.parts] == [
        "web",
        "router.pools",
        "directory",
        "connections",
        "pools_view",
        "silence_watch",
    ]
    before = (total(ASSIGNED), total(QUEUED), waited_seconds())
    module.count_decisions([AssignmentDecided(ASSIGNED, 5.0, "P2"), AssignmentDecided(QUEUED, 3.0, "P2")])
    assert (total(ASSIGNED), total(QUEUED), waited_seconds()) == (before[0] + 1, before[1] + 1, before[2] + 5)
