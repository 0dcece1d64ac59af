"""One instance of the counting processor as a process of its own, to be killed, stopped and woken by tests.

    python -m tests.chaos.worker BOOTSTRAP INSTANCE PREFIX REMIND_SECONDS

Prints its status whenever it changes, until SIGTERM.
"""

from __future__ import annotations

import signal
import sys
import threading

from services._runtime.logs import configure_logging
from services._runtime.processor.processor import Processor
from tests.integration.kafka_bed import counting_on, settings_for

POLL_SECONDS = 0.05


def main() -> None:
    """Run until SIGTERM."""
    bootstrap, instance, prefix, remind_seconds = sys.argv[1:5]
    configure_logging("info", service="chaos", instance=instance, stream=sys.stderr)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    topology = counting_on(prefix, float(remind_seconds)).topology()
    processor = Processor(topology, settings_for(bootstrap, instance))
    processor.start()
    said = ""
    while not stop.wait(POLL_SECONDS):
        status = f"{'ready' if processor.ready else 'not ready'}: {processor.status}"
        if status != said:
            print(status, flush=True)
            said = status
    processor.request_stop()
    processor.join(10)


if __name__ == "__main__":
    main()
