from __future__ import annotations

import threading

import pytest

from services._runtime.directory import Directory
from services.sla_monitor.adapters import after_directory
from services.sla_monitor.adapters.after_directory import AfterDirectory

WAIT_SECONDS = 10.0


class FakeProcessor:
    """Says what was asked of it."""

    def __init__(self) -> None:
        self.name = "sla_monitor"
        self.started = threading.Event()
        self.stopped = threading.Event()
        self.live = self.ready = False
        self.status = "new"

    def start(self) -> None:
        self.started.set()
        self.live = self.ready = True
        self.status = "running"

    def request_stop(self) -> None:
        self.stopped.set()

    def join(self, timeout_seconds: float) -> bool:
        return timeout_seconds >= 0


@pytest.fixture
def processor() -> FakeProcessor:
    return FakeProcessor()


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch, processor: FakeProcessor, directory: Directory) -> AfterDirectory:
    monkeypatch.setattr(after_directory, "POLL_SECONDS", 0.001)
    return AfterDirectory(processor, directory)


def test_the_clocks_start_once_the_directory_has_been_read(
    waiting: AfterDirectory, processor: FakeProcessor, directory: Directory
) -> None:
    waiting.start()
    assert not processor.started.wait(0.05)
    assert (waiting.live, waiting.ready, waiting.status) == (True, False, "waits for the directory")
    directory.expect({"directory.sla_policies": 0})
    assert processor.started.wait(WAIT_SECONDS)
    assert waiting.join(WAIT_SECONDS)
    assert (waiting.live, waiting.ready, waiting.status) == (True, True, "running")


def test_a_process_that_stops_before_that_never_starts_them(
    waiting: AfterDirectory, processor: FakeProcessor, directory: Directory
) -> None:
    waiting.start()
    waiting.request_stop()
    assert waiting.join(WAIT_SECONDS)
    directory.expect({"directory.sla_policies": 0})
    assert not processor.started.is_set()
    assert processor.stopped.is_set()


def test_stopping_before_starting_is_no_fault(waiting: AfterDirectory) -> None:
    waiting.request_stop()
    assert waiting.join(0)
