"""Ours: the work as a topology under `services/_runtime`'s processor."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.engines.order import THREAD, Order, until_stopped
from benchmarks.work import Seen, decide_reply
from schemas.ticket_commands import ReplyToCustomer
from schemas.topics import Topic
from services._runtime.engine.topology import Context, Decision, Emit, Event, Topology
from services._runtime.processor.processor import Processor
from services._runtime.settings import RuntimeSettings

JOIN_SECONDS: Final = 10.0


def topic(name: str) -> Topic:
    """Return a topic of a measurement."""
    return Topic(name, "ticket id", "bench", "a measurement")


def topology(commands: str, group: str) -> Topology[Seen]:
    """Return the work as a topology that reads `commands` and writes to topics that begin with `group`."""
    events = topic(f"{group}.events")

    def on_reply(state: Seen | None, event: Event, context: Context) -> Decision[Seen]:
        new, replied = decide_reply(state, event.key, event.id, event.data, context.now, context.position)
        emit = Emit(events, event.key, replied, id=f"{event.key}:{new.sequence}")
        return Decision(state=new, emits=(emit,))

    return Topology(
        name=group,
        service="bench",
        inputs=(topic(commands),),
        changelog=topic(f"{group}.changelog"),
        dead_letters=topic(f"{group}.dlq"),
        handlers={ReplyToCustomer: on_reply},
        state_type=Seen,
    )


def settings_for(bootstrap: str, instance: str = "0") -> RuntimeSettings:
    """Return settings that point at a broker."""
    return RuntimeSettings(kafka_bootstrap=bootstrap, instance=instance, secret="x" * 32, replication=1)  # type: ignore[arg-type]


def work(topology: Topology[Any], order: Order) -> None:
    """Run a topology until SIGTERM, printing the processor's status whenever it changes."""
    work_on([Processor(topology, settings_for(order.bootstrap, order.instance))])


def work_on(processors: Sequence[Processor[Any]]) -> None:
    """Run the processors of a service until SIGTERM: print where each runs, and what the first does when it changes."""
    for processor in processors:
        processor.start()
    names = {processor.name for processor in processors}
    for thread in threading.enumerate():
        if thread.name in names:
            print(f"{THREAD} {thread.native_id} {thread.name}", flush=True)
    until_stopped(lambda: processors[0].status)
    for processor in processors:
        processor.request_stop()
    for processor in processors:
        processor.join(JOIN_SECONDS)


def main() -> None:
    """Do the work of the order."""
    order = Order.from_argument()
    work(topology(order.commands, order.group), order)


if __name__ == "__main__":
    main()
