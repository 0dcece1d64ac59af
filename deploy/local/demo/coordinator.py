"""The coordinator, who may always intervene: ends tickets in others, names a technician by hand, changes a priority."""

import asyncio
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from deploy.local.demo.api import Api, CallFailedError, now
from deploy.local.demo.cases import Case
from deploy.local.demo.claims import Claims, Command

COORDINATOR: Final = "coordinator-gu"
EXPERTS: Final = {"technical-support": ("zhao-min", "deng-hao"), "customer-service": ("he-jing", "zhou-tao")}
"""Whom a ticket is given to by hand, by pool."""
WAITING_TOO_LONG: Final = timedelta(seconds=15)
"""In the queue, with nobody left who has not given it back."""
_LOOK_SECONDS: Final = 3.0
_WAIT_SECONDS: Final = 0.2


class Coordinator:
    """Picks among the plainest cases, those nothing else is expected of, as soon as they were accepted."""

    def __init__(self, api: Api, claims: Claims, *, merges: int) -> None:
        self._api = api
        self._claims = claims
        self._merges = merges
        self._calls = count(1)

    async def intervene(self, cases: list[Case]) -> None:
        """Merge pairs of tickets, assign one by hand, raise another's priority; then look after the queue for ever."""
        plain = [each.external_id for each in cases if not (each.follows_up or each.cancels or each.reads_mail)]
        pairs = list(zip(plain[::2], plain[1::2], strict=False))
        async with asyncio.TaskGroup() as group:
            for one, other in pairs[: self._merges]:
                group.create_task(self._merge(one, other))
            for one, other in pairs[self._merges : self._merges + 1]:
                group.create_task(self._assign(one))
                group.create_task(self._raise(other))
            group.create_task(self._look_after_the_queue())

    async def _merge(self, external_id: str, into: str) -> None:
        goes_on = await self._ticket_of(into)
        ends = await self._ticket_of(external_id)
        # The target must be there before another ticket can end in it.
        if await self._view(goes_on) is not None:
            await self._command(ends, "merge", {"into_ticket_id": goes_on})

    async def _assign(self, external_id: str) -> None:
        if (view := await self._view(await self._ticket_of(external_id))) is not None:
            await self._give_to_expert(view)

    async def _raise(self, external_id: str) -> None:
        body = {"priority": "P1", "reason": "客户来电催办"}
        await self._command(await self._ticket_of(external_id), "priority", body)

    async def _look_after_the_queue(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                waiting = await self._api.in_status("queued", token=self._token())
            except CallFailedError as error:
                self._claims.troubles.append(f"{COORDINATOR}: {error}")
                continue
            for view in waiting:
                if now() - datetime.fromisoformat(view["updated_at"]) > WAITING_TOO_LONG:
                    await self._give_to_expert(view)

    async def _give_to_expert(self, view: dict[str, Any]) -> None:
        number = next(self._calls)
        experts = EXPERTS[view["pool"]]
        await self._command(str(view["ticket_id"]), "assign", {"technician_id": experts[number % len(experts)]})

    async def _ticket_of(self, external_id: str) -> str:
        while True:  # ends with the request, which is bounded, or with the loop that cancels us
            for claim in self._claims.accepted:
                if claim.external_id == external_id:
                    return claim.ticket_id
            await asyncio.sleep(_WAIT_SECONDS)

    async def _view(self, ticket_id: str) -> dict[str, Any] | None:
        try:
            return await self._api.ticket(ticket_id, token=self._token())
        except CallFailedError as error:
            self._claims.troubles.append(f"{COORDINATOR}: {error}")
            return None

    async def _command(self, ticket_id: str, action: str, body: dict[str, Any]) -> None:
        key = f"{COORDINATOR}-{next(self._calls)}"
        try:
            answer = await self._api.command(ticket_id, action, token=self._token(), key=key, body=body)
        except CallFailedError as error:
            self._claims.troubles.append(f"{COORDINATOR}: {error}")
            return
        self._claims.commands.append(Command(action, ticket_id, str(answer["command_id"])))

    def _token(self) -> str:
        return self._api.token(COORDINATOR, "coordinator")
