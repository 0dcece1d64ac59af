"""The coordinator, who may always intervene: ends tickets in others, names a technician by hand, changes a priority."""

import asyncio
import random
from typing import Any, Final

from deploy.local.demo.api import Api, CallFailedError
from deploy.local.demo.cases import Case
from deploy.local.demo.claims import Claims, Command

COORDINATOR: Final = "coordinator-gu"
EXPERTS: Final = {"technical-support": "zhao-min", "customer-service": "he-jing"}
"""Whom a ticket is given to by hand, by pool."""
_WAIT_SECONDS: Final = 0.3


class Coordinator:
    """Picks among the plainest cases, those nothing else is expected of, as soon as they were accepted."""

    def __init__(self, api: Api, claims: Claims, *, merges: int, seed: int) -> None:
        self._api = api
        self._claims = claims
        self._merges = merges
        self._chance = random.Random(f"coordinator-{seed}")  # noqa: S311 - the same seed behaves the same

    async def intervene(self, cases: list[Case]) -> None:
        """Merge pairs of tickets, then assign one by hand and raise another's priority."""
        plain = [each.external_id for each in cases if not (each.follows_up or each.cancels or each.reads_mail)]
        picked = self._chance.sample(plain, min(len(plain), 2 * self._merges + 2))
        try:
            tickets = [await self._ticket_of(external_id) for external_id in picked]
            for one, other in zip(tickets[2::2], tickets[3::2], strict=False):
                await self._command(one, "merge", {"into_ticket_id": other})
            if len(tickets) > 1:
                pool = (await self._api.ticket(tickets[0], token=self._token()))["pool"]
                await self._command(tickets[0], "assign", {"technician_id": EXPERTS[pool]})
                await self._command(tickets[1], "priority", {"priority": "P1", "reason": "客户来电催办"})
        except CallFailedError as error:
            self._claims.troubles.append(f"{COORDINATOR}: {error}")

    async def _ticket_of(self, external_id: str) -> str:
        while True:  # ends with the request, which is bounded, or with the loop that cancels us
            for claim in self._claims.accepted:
                if claim.external_id == external_id:
                    return claim.ticket_id
            await asyncio.sleep(_WAIT_SECONDS)

    async def _command(self, ticket_id: str, action: str, body: dict[str, Any]) -> None:
        key = f"{action}-{ticket_id}"
        answer = await self._api.command(ticket_id, action, token=self._token(), key=key, body=body)
        self._claims.commands.append(Command(action, ticket_id, str(answer["command_id"])))

    def _token(self) -> str:
        return self._api.token(COORDINATOR, "coordinator")
