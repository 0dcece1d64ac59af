"""Puts simulated clients in the places where the processor and the operators' tools make real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import structlog

from services._runtime.engine.topology import Topology
from services._runtime.processor import fencing, ownership, redrive, restore, session, transaction
from tests.simulation.broker.admin import SimulatedAdmin
from tests.simulation.broker.cluster import Cluster
from tests.simulation.broker.consumer import SimulatedConsumer
from tests.simulation.broker.producer import SimulatedProducer
from tests.simulation.journal import RecordingEngine

SILENT: Final = 60


class _ThreadAtOnce:
    """The one thread that the writer waits for, without the thread: its call can't hang here."""

    def __init__(self, target: Callable[[], None], **_: Any) -> None:
        self._target = target

    def start(self) -> None:
        self._target()

    def join(self, timeout: float) -> None:
        del timeout

    def is_alive(self) -> bool:
        return False


@contextmanager
def simulated_clients(cluster: Cluster) -> Iterator[None]:
    """Have every client that the processor's code makes meanwhile talk to `cluster`."""

    def consumer(config: dict[str, Any], **_: Any) -> SimulatedConsumer:
        return SimulatedConsumer(cluster, config)

    def producer(config: dict[str, Any], **_: Any) -> SimulatedProducer:
        return SimulatedProducer(cluster, config)

    def admin(config: dict[str, Any], **_: Any) -> SimulatedAdmin:
        del config
        return SimulatedAdmin(cluster)

    def engine(topology: Topology[Any]) -> RecordingEngine:
        made = RecordingEngine(topology, cluster.time.seen)
        if cluster.current is not None:
            cluster.current.engine = made
        return made

    def sleep(seconds: float) -> None:
        cluster.time.wait(seconds, lambda: False)

    places: list[tuple[Any, str, Any]] = [
        (session, "Consumer", consumer),
        (session, "AdminClient", admin),
        (session, "Engine", engine),
        (transaction, "Producer", producer),
        (transaction, "threading", SimpleNamespace(Thread=_ThreadAtOnce)),
        (restore, "Consumer", consumer),
        (fencing, "Consumer", consumer),
        (fencing, "Producer", producer),
        (redrive, "Consumer", consumer),
        (redrive, "Producer", producer),
        (redrive, "AdminClient", admin),
        (ownership, "time", SimpleNamespace(sleep=sleep)),
        # What many worlds freeze in one process would never be collected.
        (ownership, "gc", SimpleNamespace(freeze=lambda: None)),
    ]
    with ExitStack() as stack, structlog.testing.capture_logs():
        for module, name, substitute in places:
            stack.enter_context(patch.object(module, name, substitute))
        yield
