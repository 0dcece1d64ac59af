"""The SLA monitor's processors as a process of a measurement, under a policy with one target and no ladder.

Both of them, wired as the service wires them: the clocks, and the surges that read what the clocks tell. P1 has a year,
P2 ten minutes: a ticket that is to come due at an instant is a P2 that was opened ten minutes before. Tickets lie in a
few pools, turn about, each of which has its surge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeVar

from benchmarks.engines.aftercare import settings_for, topic, work_on
from benchmarks.engines.order import Order
from benchmarks.work import SOURCE, ticket_id
from schemas import envelope
from schemas.directory import SlaPolicyDefined
from schemas.parts import Requester
from schemas.ticket_events import TicketOpened
from schemas.topics import DIRECTORY
from schemas.vocabulary import Channel, Impact, Status, Urgency
from services._runtime.clock import SystemClock
from services._runtime.directory.directory import Directory, record_key
from services._runtime.engine.topology import Topology
from services._runtime.processor.processor import Processor
from services.sla_monitor.adapters.counting import SurgeCounter, TargetCounter
from services.sla_monitor.adapters.terms import DirectoryTerms
from services.sla_monitor.domain.instants import SECOND_US
from services.sla_monitor.handlers import clocks_topology, surges_topology
from services.sla_monitor.settings import SlaMonitorSettings
from services.sla_monitor.state import SurgeState, TicketClocks

S = TypeVar("S")

LONG: Final = "P1"
SHORT: Final = "P2"
BUDGET_SECONDS: Final = {LONG: 365 * 86_400, SHORT: 600}
POOLS: Final = 10
POLICY: Final = f"""
policy_id: bench
version: 1
surges: [{{window_seconds: 900, breaches: 20}}]
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
            pool=f"pool-{number % POOLS}",
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
    """Return the clocks' topology under the policy above."""
    settings = _settings()
    return clocks_topology(settings, _terms(settings))


def surges() -> Topology[SurgeState]:
    """Return the surges' topology under the policy above."""
    return surges_topology(_terms(_settings()))


def surges_group(group: str) -> str:
    """Return the name of the surges' processor beside the clocks' of this name."""
    return f"{group}-surges"


def _settings() -> SlaMonitorSettings:
    return SlaMonitorSettings.model_validate({"secret": "x" * 32, "sla_policy": "bench"})


def _terms(settings: SlaMonitorSettings) -> DirectoryTerms:
    """Each processor has terms of its own, as in the service."""
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
    return DirectoryTerms(directory, settings)


def _named(topology: Topology[S], group: str) -> Topology[S]:
    """The topology with names that no other run has."""
    return replace(
        topology, name=group, changelog=topic(f"{group}.changelog"), dead_letters=topic(f"{group}.dlq"), retries=None
    )


def main() -> None:
    """Do the work of the order."""
    order = Order.from_argument()
    settings, clock = settings_for(order.bootstrap, order.instance), SystemClock()
    targets = TargetCounter(clock, _settings().sla_window_seconds * SECOND_US)
    told = replace(_named(topology(), order.group), inputs=(topic(order.commands),))
    clocks = Processor(told, settings, clock=clock, on_effects=targets)
    pools = Processor(
        _named(surges(), surges_group(order.group)), settings, clock=clock, on_effects=SurgeCounter(clock)
    )
    work_on([clocks, pools])


if __name__ == "__main__":
    main()
