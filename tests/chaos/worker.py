"""One instance of a small processor as a process of its own, to be killed, stopped and woken by tests.

    python -m tests.chaos.worker TOPOLOGY BOOTSTRAP INSTANCE PREFIX REMIND_SECONDS [CLOCK_OFFSET_SECONDS]

TOPOLOGY is "counting" or "tally". Prints a line of JSON whenever its status changes, until SIGTERM:
`{"ready", "status", "partitions", "restored"}`, the last being how many changelog records it has read so far. SIGUSR1
writes what its threads are at to standard error.
"""

from __future__ import annotations

import faulthandler
import json
import re
import signal
import sys
import threading
from datetime import datetime, timedelta
from typing import Any

from services._runtime import metrics
from services._runtime.clock import SystemClock
from services._runtime.engine.topology import Topology
from services._runtime.logs import configure_logging
from services._runtime.processor.processor import Processor
from tests.chaos.tally import TallyTopology
from tests.integration.kafka_bed import counting_on, settings_for

POLL_SECONDS = 0.05


class SkewedClock(SystemClock):
    """A machine whose wall clock is wrong."""

    def __init__(self, offset_seconds: float) -> None:
        self._offset = timedelta(seconds=offset_seconds)

    def now(self) -> datetime:
        return super().now() + self._offset


def _topology(kind: str, prefix: str, remind_seconds: float) -> Topology[Any]:
    if kind == "tally":
        return TallyTopology(prefix, remind_seconds).topology()
    return counting_on(prefix, remind_seconds).topology()


def _said(processor: Processor[Any], restored: Any) -> str:
    status = processor.status
    running = re.fullmatch(r"running \[(.*)\]", status)
    partitions = [int(each) for each in running[1].split(",")] if running is not None and running[1] else []
    return json.dumps(
        {
            "ready": processor.ready,
            "status": status,
            "partitions": partitions if processor.ready else [],
            "restored": int(restored._value.get()),
        }
    )


def main() -> None:
    """Run until SIGTERM."""
    kind, bootstrap, instance, prefix, remind_seconds = sys.argv[1:6]
    offset_seconds = float(sys.argv[6]) if len(sys.argv) > 6 else 0.0
    configure_logging("info", service="chaos", instance=instance, stream=sys.stderr)
    faulthandler.enable()  # a crash inside a client library says where it came from
    faulthandler.register(signal.SIGUSR1)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    topology = _topology(kind, prefix, float(remind_seconds))
    settings = settings_for(bootstrap, instance)
    processor = Processor(topology, settings, clock=SkewedClock(offset_seconds))
    restored = metrics.PROCESSOR_RESTORED_RECORDS.labels(topology.name)
    processor.start()
    said = ""
    while not stop.wait(POLL_SECONDS):
        status = _said(processor, restored)
        if status != said:
            print(status, flush=True)
            said = status
    processor.request_stop()
    processor.join(10)


if __name__ == "__main__":
    main()
