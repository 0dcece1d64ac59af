"""Writes tickets as the ledger does: events and snapshots in one transaction, some of them aborted, some sent again."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.contract import Contract
from schemas.ids import event_id, ticket_id
from schemas.ticket_events import StatusChanged
from schemas.ticket_snapshots import TicketSnapshot
from schemas.topics import TICKET_EVENTS, TICKET_SNAPSHOTS
from tests.integration.intake_bed import encoded
from tests.stack import PARTITIONS

TENANT: Final = "subscribed"
DAY: Final = datetime(2031, 5, 5, tzinfo=UTC)
"""Of no other test: they share the topics."""
STATUSES: Final = ("new", "queued", "assigned", "in_progress", "pending", "in_progress", "resolved", "closed")


def make_ticket_topics(bootstrap: str) -> None:
    """Create both topics, unless they are there."""
    new = [
        NewTopic(TICKET_EVENTS.name, PARTITIONS, 1),
        NewTopic(TICKET_SNAPSHOTS.name, PARTITIONS, 1, config={"cleanup.policy": "compact"}),
    ]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics(new, request_timeout=20).values():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


class Tickets:
    """A writer of tickets' lives from a seed. `told` has each ticket's last committed sequence."""

    def __init__(self, bootstrap: str, label: str) -> None:
        self._chance = random.Random(label)
        self._label = label
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "transactional.id": f"subscribed-{label}",
                "partitioner": "murmur2_random",
                "linger.ms": 0,
            }
        )
        self._producer.init_transactions(20)
        self.told: dict[str, int] = {}
        self.events = 0

    def write(self, tickets: int, steps: int) -> Iterator[int]:
        """Lives of `steps` events each, ten events a transaction; yields how many events are committed so far."""
        left = [name for name in self.names(tickets) for _ in range(steps)]
        self._chance.shuffle(left)
        for first in range(0, len(left), 10):
            names = left[first : first + 10]
            if self._chance.random() < 0.2:
                self._transact(names, commit=False)
            self._transact(names, commit=True)
            yield self.events

    def names(self, tickets: int) -> list[str]:
        """The ids of the first tickets."""
        return [ticket_id(TENANT, self._label, str(number)) for number in range(tickets)]

    def hold_open(self, names: Sequence[str]) -> None:
        """Begin a transaction with the next events of these tickets and leave it open, until `commit`."""
        self._producer.begin_transaction()
        self._put(names)
        self._producer.flush(20)

    def commit(self, names: Sequence[str]) -> None:
        """Commit what `hold_open` began."""
        self._producer.commit_transaction(20)
        self._note(names)

    def send_again(self, ticket: str) -> None:
        """A copy of a ticket's first event, at the end of the topic."""
        self._producer.begin_transaction()
        self._event(ticket, 1)
        self._producer.commit_transaction(20)

    def _transact(self, names: Sequence[str], *, commit: bool) -> None:
        self._producer.begin_transaction()
        self._put(names)
        if commit:
            self._producer.commit_transaction(20)
            self._note(names)
        else:
            self._producer.flush(20)
            self._producer.abort_transaction(20)

    def _put(self, names: Sequence[str]) -> None:
        sequences = dict(self.told)
        for name in names:
            sequences[name] = sequences.get(name, 0) + 1
            self._event(name, sequences[name])
            self._snapshot(name, sequences[name])

    def _note(self, names: Sequence[str]) -> None:
        for name in names:
            self.told[name] = self.told.get(name, 0) + 1
            self.events += 1

    def _event(self, ticket: str, sequence: int) -> None:
        fields = {
            "ticket_id": ticket,
            "sequence": sequence,
            "status": STATUSES[(sequence - 1) % len(STATUSES)],
            "cause": f"cause-{sequence}",
            "decided_at": DAY,
            "position": "t/0/0",
            "previous": "new",
            "actor": {"kind": "system", "actor_id": "test"},
        }
        self._send(TICKET_EVENTS.name, ticket, event_id(ticket, sequence), StatusChanged.closed_validate(fields))

    def _snapshot(self, ticket: str, sequence: int) -> None:
        fields: dict[str, Any] = {
            "ticket_id": ticket,
            "sequence": sequence,
            "status": STATUSES[(sequence - 1) % len(STATUSES)],
            "priority": "P2",
            "channel": "email",
            "category": "technical",
            "pool": "default",
            "skills": [],
            "level": "L1",
            "requester_id": "r-1",
            "tier": "standard",
            "language": "en",
            "generation": 0,
            "cycle": 1,
            "opened_at": DAY,
            "updated_at": DAY,
        }
        snapshot = TicketSnapshot.closed_validate(fields)
        self._send(TICKET_SNAPSHOTS.name, ticket, event_id(ticket, sequence), snapshot)

    def _send(self, topic: str, ticket: str, name: str, data: Contract) -> None:
        # Over three days, so that a table by day has several rows.
        at = DAY + timedelta(hours=self._chance.randrange(72))
        self._producer.produce(topic, encoded(TENANT, ticket, name, data, at), ticket)
