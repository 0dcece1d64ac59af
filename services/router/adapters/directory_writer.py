"""Changes of the directory on Kafka: the entity, what the pool's router must know of it, and who changed it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from schemas.contract import Contract
from schemas.directory import TechnicianDefined
from schemas.routing_work import PresenceChanged
from services._runtime.clock import Clock
from services._runtime.directory.directory import Directory
from services._runtime.directory.file import DirectoryFile, news_record, records_of
from services._runtime.kafka.producer import EventProducer, Outgoing
from services._runtime.web.audited import ACCEPTED, Action, audit_record

SOURCE: Final = "/aftercare/router/directory"


class KafkaDirectory:
    """Writes a call's records in one go, those of a key in their order."""

    def __init__(self, producer: EventProducer, directory: Directory, clock: Clock) -> None:
        self._producer = producer
        self._directory = directory
        self._clock = clock

    async def write(self, entities: Sequence[Contract], action: Action) -> None:
        """Entities, with what their pools' routers must know of them, and the audit.

        Raises:
            KafkaUnavailable: some of it may be written; the same call again writes all of it.
            ValueError: an entity is larger than Kafka takes.
        """
        now = self._clock.now()
        known = (self._directory.get(TechnicianDefined, each.technician_id) for each in _technicians(entities))
        before = {each.technician_id: each for each in known if each is not None}
        file = DirectoryFile(action.principal.tenant, tuple(entities))
        await self._producer.send_all([*records_of(file, before, now), _audited(action, now)])

    async def tell_presence(self, tenant: str, news: PresenceChanged, action: Action | None = None) -> None:
        """State to a pool's router how someone is there, and who said so, where somebody did; raises as `write`."""
        now = self._clock.now()
        audits = [] if action is None else [_audited(action, now)]
        await self._producer.send_all([news_record(news, tenant, now), *audits])


def _technicians(entities: Sequence[Contract]) -> list[TechnicianDefined]:
    return [each for each in entities if isinstance(each, TechnicianDefined)]


def _audited(action: Action, now: datetime) -> Outgoing:
    return audit_record(
        action.principal,
        source=SOURCE,
        action=action.name,
        entity=action.entity,
        outcome=ACCEPTED,
        cause=secrets.token_hex(16),
        at=now,
        traceparent=action.traceparent,
    )
