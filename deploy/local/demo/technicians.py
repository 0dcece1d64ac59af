"""Technicians: clients of the public HTTP API, who look at what they hold and take the next step with each ticket."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from deploy.local.demo.api import Api, CallFailedError
from deploy.local.demo.claims import Claims, Command

POLL_SECONDS: Final = 0.8
EXPERT: Final = "L3"
_EFFECT_SECONDS: Final = 6.0
"""After so long without a visible effect of a step, the next look decides anew."""
_WORDS: Final = {
    "zh-CN": ("已收到，正在排查。", "已修复并验证，请确认。", "请提供出错时间和截图。"),
    "en": ("We are looking into it.", "Fixed and verified; please confirm.", "Please send the time and a screenshot."),
}


@dataclass(frozen=True)
class Manner:
    """How someone works. Seconds are spans to draw from: before accepting, the first answer, and each further step.

    Of the first `late_tickets` that they are given they answer the new ones after `late_answer` instead.
    """

    accept: tuple[float, float] = (0.1, 0.6)
    answer: tuple[float, float] = (0.2, 1.0)
    step: tuple[float, float] = (0.3, 1.2)
    declining: float = 0.05
    asking_back: float = 0.12
    reviewing: float = 0.15
    late_tickets: int = 0
    late_answer: tuple[float, float] = (0.0, 0.0)


QUICK: Final = Manner()


@dataclass
class _Work:
    """One ticket in one cycle, as its technician goes about it.

    `seen` is the ticket's sequence when the last step was taken, `acts_at` when that was or will be (loop time).
    """

    plan: list[str]
    late: bool = False
    seen: int = 0
    acts_at: float = 0.0
    steps_taken: set[str] = field(default_factory=set)


class Technician:
    """One technician at work until cancelled. Every step is one command; the ticket's status says what comes next."""

    def __init__(self, technician_id: str, manner: Manner, api: Api, claims: Claims, *, level: str, seed: int) -> None:
        self._id = technician_id
        self._is_expert = level == EXPERT
        self._manner = manner
        self._api = api
        self._claims = claims
        self._token = api.token(technician_id, "technician")
        self._chance = random.Random(f"{technician_id}-{seed}")  # noqa: S311 - the same seed behaves the same
        self._works: dict[tuple[str, int], _Work] = {}
        self._steps: set[asyncio.Task[None]] = set()
        self._calls = count(1)

    async def work(self) -> None:
        """Look at what is held, and act, for ever."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            for step in self._steps:
                step.cancel()

    async def _look(self) -> None:
        try:
            held = await self._api.held_by(self._id, token=self._token)
        except CallFailedError as error:
            self._claims.troubles.append(f"{self._id}: {error}")
            return
        now = asyncio.get_running_loop().time()
        for ticket in held:
            work, sequence = self._work_of(ticket), int(ticket["sequence"])
            if now < work.acts_at:  # still at it
                work.seen = sequence
            elif sequence > work.seen or now > work.acts_at + _EFFECT_SECONDS:
                action, body, span = self._next_step(ticket, work)
                delay_seconds = self._chance.uniform(*span)
                work.seen, work.acts_at = sequence, now + delay_seconds
                step = asyncio.create_task(self._act(str(ticket["ticket_id"]), action, body, delay_seconds))
                self._steps.add(step)
                step.add_done_callback(self._steps.discard)

    def _work_of(self, ticket: Mapping[str, Any]) -> _Work:
        place = (str(ticket["ticket_id"]), int(ticket["cycle"]))
        if place not in self._works:
            plan = ["reply"]
            if self._chance.random() < self._manner.asking_back:
                plan.append("ask back")
            if self._chance.random() < self._manner.reviewing:
                plan.append("review")
            self._works[place] = _Work(plan, late=place[1] == 1 and len(self._works) < self._manner.late_tickets)
        return self._works[place]

    def _next_step(
        self, ticket: Mapping[str, Any], work: _Work
    ) -> tuple[str, dict[str, Any] | None, tuple[float, float]]:
        """Return the command to give, its body, and how long it takes to get there."""
        working, solved, question = _WORDS["en" if ticket["language"] == "en" else "zh-CN"]
        manner, status = self._manner, ticket["status"]
        if status == "assigned":
            if "decline" not in work.steps_taken and self._may_decline(ticket):
                work.steps_taken.add("decline")
                return "decline", {"reason": "不在我的专业范围"}, manner.accept
            return "accept", None, manner.accept
        if status == "pending":  # the customer may answer first; otherwise it was found out otherwise
            return "status", {"status": "in_progress", "reason": "信息已补齐"}, (2.5, 4.0)
        planned: dict[str, tuple[str, dict[str, Any], tuple[float, float]]] = {
            "reply": ("reply", {"body": working}, manner.late_answer if work.late else manner.answer),
            "ask back": ("status", {"status": "pending", "reason": question}, manner.step),
            "review": ("status", {"status": "in_review", "reason": "方案内部评审"}, manner.step),
        }
        for step in work.plan if status == "in_progress" else ():
            if step not in work.steps_taken:
                work.steps_taken.add(step)
                return planned[step]
        return "resolve", {"solution": solved}, manner.step

    def _may_decline(self, ticket: Mapping[str, Any]) -> bool:
        """Experts are where a ticket goes at last; the others may give back what nobody has escalated.

        Were experts to give back as well, a ticket that both of a pool's have given back would wait for ever.
        """
        gives_back = self._chance.random() < self._manner.declining
        return gives_back and not self._is_expert and ticket["level"] == "L1"

    async def _act(self, ticket_id: str, action: str, body: dict[str, Any] | None, delay_seconds: float) -> None:
        await asyncio.sleep(delay_seconds)
        key = f"{self._id}-{next(self._calls)}"
        try:
            answer = await self._api.command(ticket_id, action, token=self._token, key=key, body=body)
        except CallFailedError as error:
            self._claims.troubles.append(f"{self._id}: {error}")
            return
        self._claims.commands.append(Command(action, ticket_id, str(answer["command_id"])))
