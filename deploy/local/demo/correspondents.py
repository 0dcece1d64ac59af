"""Customers who write mails: they ask, answer what we send them in its thread, and rate when asked."""

import asyncio
import random
import smtplib
from typing import Final

import aiohttp

from deploy.local.demo.api import now_ms
from deploy.local.demo.cases import Case
from deploy.local.demo.claims import Accepted, Claims, Message
from deploy.local.demo.customers import letters, rate
from deploy.local.demo.mailbox import Inbox, Letter, PostOffice, customers_mail

_LOOK_SECONDS: Final = 1.5
_ABSENT: Final = 3
"""Which of the correspondents has an out-of-office reply switched on."""


class Correspondents:
    """Everything that the mail customers share. `closing` is set when nobody is expected to answer any more."""

    def __init__(self, http: aiohttp.ClientSession, office: PostOffice, claims: Claims, *, seed: int) -> None:
        self.closing = asyncio.Event()
        self._http = http
        self._office = office
        self._claims = claims
        self._chance = random.Random(f"mail-{seed}")  # noqa: S311 - the same seed behaves the same

    async def live(self, case: Case) -> None:
        """Play one case to its end; what goes wrong is noted in the claims."""
        try:
            await self.write(case)
            await self._read(case)
        except (OSError, smtplib.SMTPException, aiohttp.ClientError) as error:
            self._claims.troubles.append(f"{case.external_id}: {type(error).__name__}: {error}")

    async def write(self, case: Case) -> None:
        """Send the first mail, twice where the case repeats it; raises OSError or SMTPException."""
        message_id = f"<{case.external_id}@{_domain(case)}>"
        mail = customers_mail(_from(case), case.subject, case.body, message_id)
        await asyncio.to_thread(self._office.send, mail)
        self._claims.accepted.append(Accepted(case.channel, message_id.strip("<>"), now_ms()))
        if case.repeated:
            await asyncio.to_thread(self._office.send, mail)
            self._claims.repeated += 1

    async def _read(self, case: Case) -> None:
        inbox = Inbox(self._office, case.person.email)
        answered = away = False
        try:
            while not self.closing.is_set():
                for letter in await letters(inbox):
                    if case.rating is not None:
                        self._claims.will_rate.add(letter.ticket_id)
                    if case.number % 10 == _ABSENT and not away:
                        away = True
                        await self._out_of_office(case, letter)
                    if case.follows_up and not answered and letter.node in {"in_progress", "replied"}:
                        answered = True
                        await self._answer(case, letter)
                    if letter.node == "survey_offered" and letter.survey_url is not None:
                        await rate(self._http, letter.survey_url, letter.ticket_id, case, self._claims)
                await asyncio.sleep(self._chance.uniform(0.8, 1.2) * _LOOK_SECONDS)
        finally:
            await asyncio.to_thread(inbox.close)

    async def _answer(self, case: Case, letter: Letter) -> None:
        mark = f"{case.external_id}-answer"
        text = "已按说明操作，仍有少量报错。" if case.person.language == "zh-CN" else "Tried it; mostly fine now."
        message_id = f"<{mark}@{_domain(case)}>"
        mail = customers_mail(
            _from(case), f"Re: {letter.subject}", f"{text} ({mark})", message_id, answers=letter.message_id
        )
        await asyncio.to_thread(self._office.send, mail)
        self._claims.messages.append(Message(letter.ticket_id, mark))

    async def _out_of_office(self, case: Case, letter: Letter) -> None:
        """Answer as an absence assistant does: it must make no ticket, no message and no loop."""
        message_id = f"<{case.external_id}-away@{_domain(case)}>"
        mail = customers_mail(
            _from(case), f"自动回复: {letter.subject}", "我正在休假。", message_id, answers=letter.message_id
        )
        mail["Auto-Submitted"] = "auto-replied"
        await asyncio.to_thread(self._office.send, mail)
        self._claims.automatic_mails += 1


def _domain(case: Case) -> str:
    return case.person.email.rpartition("@")[2]


def _from(case: Case) -> str:
    return case.person.email
