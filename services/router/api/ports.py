"""What the HTTP edge needs of the rest of the router; `app` gives it the adapters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from schemas.contract import Contract
from schemas.vocabulary import Presence
from services._runtime.web.audited import Action
from services.router.domain.board import Board, OfferRow, TechnicianRow
from services.router.domain.reasons import Why


class PoolViews(Protocol):
    """The pools as the view shows them; every method raises `Unavailable`."""

    async def changes(self) -> tuple[int, bool]:
        """How many changes the view has seen, and whether it is fresh."""
        ...

    async def board(self, tenant: str, pool: str | None, now: datetime, lanes_max: int, rows_max: int) -> Board:
        """The board at `now`, with the rows of one pool or of the worst."""
        ...

    async def offer(self, tenant: str, pool: str, ticket_id: str) -> OfferRow | None:
        """A ticket of the tenant that waits in the pool or is held there."""
        ...

    async def technician(self, pool: str, technician_id: str) -> TechnicianRow | None:
        """Someone on the pool's roster."""
        ...

    async def has_pool(self, pool: str) -> bool:
        """Whether there is such a pool."""
        ...


class DirectoryWriter(Protocol):
    """Writes what the directory's API was told; every method raises `Unavailable`, and may then have written some."""

    async def write(self, entities: Sequence[Contract], action: Action) -> None:
        """Entities, with what their pools' routers must know of them, and the audit."""
        ...


class Attendance(Protocol):
    """Takes in who is there; every method raises `Unavailable`."""

    async def beat(self, tenant: str, technician_id: str, pool: str, presence: Presence) -> bool:
        """A sign of life that says how someone is there; whether it was news to the router."""
        ...

    async def declare(self, technician_id: str, pool: str, presence: Presence, action: Action) -> None:
        """What someone said of themselves, or a coordinator of them; holds until they say otherwise or fall silent."""
        ...


class Reasons(Protocol):
    """Makes decisions again."""

    async def why(self, tenant: str, ticket_id: str, generation: int | None) -> Why:
        """The last decision on a ticket of the tenant, or on one generation of it.

        Raises:
            UnknownDecisionError: the log holds none.
            LogTooLongError: more would have to be read than a request may ask for.
            Unavailable: Kafka does not answer.
        """
        ...
