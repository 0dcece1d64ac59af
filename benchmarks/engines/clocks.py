"""The SLA monitor's own topology as a process of a measurement, under a policy with one target and no ladder.

P1 has a year, P2 ten minutes: a ticket that is to come due at an instant is a P2 that was opened ten minutes before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from benchmarks.engines.aftercare import topic, work
from benchmarks.engines.order import Order
from benchmarks.work import SOURCE, ticket_id
from schemas import envelope
from schemas.directory import SlaPolicyDefined
from schemas.parts import Requester
from schemas.ticket_events import TicketOpened
from schemas.topics import DIRECTORY
from schemas.vocabulary import Channel, Impact, Status, Urgency
from services._runtime.directory.directory import Directory, record_key
from services._runtime.engine.topology import Topology
from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.handlers import clocks_topology
from services.sla_monitor.settings import SlaMonitorSettings
from services.sla_monitor.state import TicketClocks

LONG: Final = "P1"
SHORT: Final = "P2"
BUDGET_SECONDS: Final = {LONG: 365 * 86_400, SHORT: 600}
POLICY: Final = f"""
policy_id: bench
version: 1
targets:
  {LONG}: {{resolution: {{seconds: {BUDGET_SECONDS[LONG]}}}}}
  {SHORT}: {{resolution: {{seconds: {BUDGET_SECONDS[SHORT]}}}}}
"""


def openings(first: int, priority: str, dues: Iterable[float]) -> Iterable[tuple[str, bytes]]:
    """Yield an opening with its key for each due instant (seconds since 1970), of tickets from number `first` on."""
    requester = Requester.new(requester_id="c-17")
    for number, due_at in enumerate(dues, first):
        ticket = ticket_id(number)
        opened_at = datetime.fromtimestamp(due_at - BUDGET_SECONDS[priority], UTC)
        data = TicketOpened.new(
            ticket_id=ticket,
            sequence=1,
            status=Status.NEW,
            cause="bench",
            decided_at=opened_at,
            position="b/0/0",
            channel=Channel.PORTAL,
            external_id=ticket,
            conversation=ticket,
            requester=requester,
            subject="s",
            body="b",
            impact=Impact.MINOR,
            urgency=Urgency.LOW,
            priority=priority,
        )
        yield (
            ticket,
            envelope.encode(
                type_name=TicketOpened.type_name,
                event_id=f"{ticket}:1",
                source=SOURCE,
                time=opened_at,
                subject=ticket,
                tenant="acme",
                data=data,
            ),
        )


def topology() -> Topology[TicketClocks]:
    """Return the monitor's topology under the policy above."""
    settings = SlaMonitorSettings.model_validate({"secret": "x" * 32, "sla_policy": "bench"})
    directory = Directory()
    policy = SlaPolicyDefined.new(policy_id="bench", version=1, definition=POLICY)
    key = record_key(policy)
    value = envelope.encode(
        type_name=policy.type_name,
        event_id=key,
        source=SOURCE,
        time=datetime(2026, 1, 1, tzinfo=UTC),
        subject=key,
        tenant="acme",
        data=policy,
    )
    directory.apply(DIRECTORY["sla_policies"].name, key, value)
    return clocks_topology(settings, DirectoryTerms(directory, settings))


def main() -> None:
    """Do the work of the order."""
    order = Order.from_argument()
    own = {
        "name": order.group,
        "inputs": (topic(order.commands),),
        "changelog": topic(f"{order.group}.changelog"),
        "dead_letters": topic(f"{order.group}.dlq"),
        "retries": None,
    }
    work(replace(topology(), **own), order)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
