"""The pools' view on a real Redis: what the router's topology wrote to its changelog, projected, and the board over it.

What the board sends to Kafka lands in a list, and a ledger of a few lines answers it as the real one would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from schemas.ticket_commands import AssignTicket, ReleaseTicket, TransferTicket
from services._runtime.clock import SystemClock
from services._runtime.directory.directory import Directory
from services._runtime.engine.records import Record
from services._runtime.kafka.follower import Batch
from services._runtime.redis_client import RedisClient
from services._runtime.view.projector import Projector
from services._runtime.view.slices import slices_of
from services.router.adapters.pools_view import keys
from services.router.adapters.pools_view.projecting import APPLY, PoolsProjection
from services.router.app import Edges
from services.router.settings import RouterSettings
from tests.kafka_stand_in import KafkaStandIn
from tests.served import SECRET, served_web
from tests.topology.routing import Router, offer, withdrawal

DATABASE: Final = 7


class PoolsBed:
    """Pools that change as a test says, the view that follows them, and the web server over it."""

    def __init__(self, redis_url: str) -> None:
        self.router = Router()
        self.router.driver.now = SystemClock().now() - timedelta(hours=1)
        self.producer = KafkaStandIn()
        self._redis_url = redis_url
        self._generations: dict[str, int] = {}
        self._carried_out = 0
        self._projection = PoolsProjection(self.router.driver.topology)

    @property
    def now(self) -> datetime:
        """The router's."""
        return self.router.driver.now

    def offered(self, ticket_id: str, due_seconds: float | None = None, tenant: str = "acme", **changes: Any) -> None:
        """The ledger offers a ticket, newly or anew; `due_seconds` from the machine's now on."""
        generation = self._generations[ticket_id] = self._generations.get(ticket_id, 0) + 1
        due_at = None if due_seconds is None else SystemClock().now() + timedelta(seconds=due_seconds)
        stated = {"queued_at": self.now, "due_at": due_at, **changes}
        self.router.send(offer(ticket_id, generation, **stated), tenant=tenant)

    def carry_out(self) -> None:
        """Do what the board's new commands say, as the ledger does it: by a new offer."""
        commands = self.producer.commands()
        for command in commands[self._carried_out :]:
            if isinstance(command, TransferTicket):
                generation = self._generations[command.ticket_id]
                self.router.send(withdrawal(command.ticket_id, generation, reason="transferred"))
                self.offered(command.ticket_id, pool=command.pool, skills=command.skills)
                continue
            wanted = command.technician_id if isinstance(command, AssignTicket) else None
            assert wanted is not None or isinstance(command, ReleaseTicket)
            self.offered(command.ticket_id, wanted_technician_id=wanted)
        self._carried_out = len(commands)

    def publish(self) -> None:
        """Bring Redis up with the changelog."""

        async def once() -> None:
            redis = RedisClient(self._redis_url)
            try:
                await self.project(redis)
            finally:
                await redis.stop()

        asyncio.run(once())

    async def project(self, redis: RedisClient) -> None:
        """As `publish`, over a given client."""
        projector = Projector(redis, script=APPLY, positions_key=keys.POSITIONS, fresh_key=keys.FRESH)
        reached = await projector.positions()
        topic = self.router.driver.topology.changelog
        written = self.router.driver.read_bytes(topic)
        start = reached.get((topic.name, 0), 0)
        records = [
            Record(topic.name, 0, start + number, output.key, output.value)
            for number, output in enumerate(written[start:])
        ]
        if records:
            batch = Batch(records, {(topic.name, 0): len(written)}, 0)
            assert await projector.apply(slices_of(batch, reached, self._projection.change_of))
        await projector.state_fresh()

    @contextmanager
    def served(self, directory: Directory | None = None) -> Iterator[str]:
        """The router's web server; yields its address."""
        settings = RouterSettings.model_validate({"secret": SECRET, "redis_url": self._redis_url})
        edges = Edges(
            settings, self.router.driver.topology, directory or Directory(), SystemClock(), producer=self.producer
        )
        with served_web(edges.web()) as address:
            yield address
