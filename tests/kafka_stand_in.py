"""A producer that keeps what gateways send, where a broker has nothing to add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas import envelope
from schemas.topics import TICKET_COMMANDS, Topic
from services._runtime.kafka.producer import EventProducer, Outgoing, Written
from services._runtime.unavailable import KafkaUnavailable


class KafkaStandIn(EventProducer):
    """Keeps what is sent; `gone` makes it fail as a broker would."""

    def __init__(self) -> None:
        super().__init__("nowhere:1", client_id="stand-in")
        self.sent: list[Outgoing] = []
        self.gone = False

    async def send_all(self, records: Sequence[Outgoing]) -> list[Written]:
        if self.gone:
            raise KafkaUnavailable("gone")
        self.sent += records
        return [Written(record.topic, 0, number) for number, record in enumerate(records)]

    def on(self, topic: Topic) -> list[Any]:
        """What was sent to a topic, decoded."""
        heads = [envelope.decode_head(record.value or b"") for record in self.sent if record.topic == topic.name]
        return [envelope.decode_data(head.type, head.data, envelope.scope_of(head)) for head in heads]

    def commands(self) -> list[Any]:
        """The commands among it."""
        return self.on(TICKET_COMMANDS)
