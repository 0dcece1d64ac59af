"""Replays for those who ask over HTTP: one at a time, in a thread of its own, so that nothing else waits for it."""

from __future__ import annotations

import asyncio
from typing import Final

from services._runtime.kafka.bounded import BrokersSilentError, TopicUnreadableError
from services._runtime.unavailable import KafkaUnavailable, Unavailable
from services.router.adapters.replay.source import Logs, partition_in, told_to
from services.router.adapters.replay.why import Rules, decision_on, why
from services.router.domain.reasons import Why

WAITING_MAX: Final = 8
"""So many may wait for their turn; a replay takes seconds."""


class ReplaysBusy(Unavailable):
    """As many as can be have asked already."""

    part = "The replay of decisions"
    retry_after_seconds = 5


class Replays:
    """See `api.ports.Reasons`."""

    def __init__(self, logs: Logs, rules: Rules) -> None:
        self._logs = logs
        self._rules = rules
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def why(self, tenant: str, ticket_id: str, generation: int | None) -> Why:
        """See `Reasons`."""
        if self._waiting >= WAITING_MAX:
            raise ReplaysBusy("too many ask at once")
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(answer, self._logs, self._rules, ticket_id, tenant, generation)
        except (BrokersSilentError, TopicUnreadableError) as error:
            raise KafkaUnavailable(str(error)) from error
        finally:
            self._waiting -= 1


def answer(logs: Logs, rules: Rules, ticket_id: str, tenant: str | None, generation: int | None) -> Why:
    """Find the decision in what was said, and make it again; raises as `Reasons.why` and `Logs`."""
    decision = decision_on(logs.said(), ticket_id, tenant=tenant, generation=generation)
    partition = partition_in(decision.position)
    return why(decision, logs.turns(partition), told_to(decision.pool, logs, partition), partition, rules)
