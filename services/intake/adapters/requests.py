"""What gateways took in, onto `intake.requests`."""

from __future__ import annotations

from typing import Final

from schemas import envelope
from schemas.ids import digest_id
from schemas.intake_requests import RequestReceived
from schemas.topics import INTAKE_REQUESTS
from services._runtime.kafka.producer import EventProducer
from services._runtime.metrics import REQUESTS_ACCEPTED
from services.intake.adapters.threads import ThreadIndex
from services.intake.domain.arrival import Arrival
from services.intake.domain.views import Thread

SOURCE: Final = "/aftercare/intake/gateway"
REQUEST_KIND: Final = "R"


class RequestGateway:
    """Finds the thread of an arrival, writes it to Kafka and remembers it."""

    def __init__(self, producer: EventProducer, threads: ThreadIndex) -> None:
        self._producer = producer
        self._threads = threads

    async def accept(self, arrival: Arrival) -> str:
        """Write the arrival; returns the id of the ticket that it opens or joins, as far as that is known now.

        When this returns, every in-sync replica has it. The same arrival again gives the same event id.

        Raises:
            RedisUnavailable: nothing was written.
            KafkaUnavailable: it may or may not be written; accepting it again is safe.
            pydantic.ValidationError: the arrival breaks the contract.
            ValueError: it is larger than Kafka takes.
        """
        thread = await self._thread_of(arrival)
        known = thread.ticket_id
        expected = known or thread.expected_ticket_id or arrival.own_ticket_id
        conversation = thread.conversation or arrival.conversation or arrival.own_ticket_id
        value = _encoded(arrival, conversation=conversation, known_ticket_id=known)
        await self._producer.send(INTAKE_REQUESTS.name, conversation, value)
        REQUESTS_ACCEPTED.labels(arrival.channel.value).inc()
        await self._threads.note(
            arrival.tenant,
            arrival.channel.value,
            message=arrival.external_id,
            conversation=conversation,
            ticket_id=expected,
        )
        return expected

    async def _thread_of(self, arrival: Arrival) -> Thread:
        if arrival.signed_ticket_id is not None:
            ticket_id = await self._threads.open_ticket(
                arrival.tenant, arrival.signed_ticket_id, now=arrival.occurred_at
            )
            return Thread(ticket_id=ticket_id)
        return await self._threads.find(
            arrival.tenant,
            arrival.channel.value,
            messages=arrival.references,
            conversation=arrival.conversation,
            now=arrival.occurred_at,
        )


def _encoded(arrival: Arrival, *, conversation: str, known_ticket_id: str | None) -> bytes:
    data = RequestReceived.closed_validate(
        {
            "channel": arrival.channel,
            "external_id": arrival.external_id,
            "conversation": conversation,
            "requester": arrival.requester,
            "subject": arrival.subject,
            "body": arrival.body,
            "known_ticket_id": known_ticket_id,
            **arrival.details,
        }
    )
    return envelope.encode(
        type_name=RequestReceived.type_name,
        event_id=digest_id(REQUEST_KIND, arrival.tenant, arrival.channel.value, arrival.external_id),
        source=SOURCE,
        time=arrival.occurred_at,
        subject=known_ticket_id or arrival.own_ticket_id,
        tenant=arrival.tenant,
        data=data,
        traceparent=arrival.traceparent,
    )
