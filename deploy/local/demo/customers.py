"""Customers who ask over HTTP: they send, sometimes twice, add something, give up, agree, and rate when asked."""

import asyncio
import imaplib
import random
from collections.abc import Callable
from typing import Any, Final

import aiohttp

from deploy.local.demo.api import Api, CallFailedError, now_ms
from deploy.local.demo.cases import BY_THEMSELVES, CONVERSING, Case
from deploy.local.demo.claims import Accepted, Answer, Claims, Command, Message
from deploy.local.demo.mailbox import Inbox, Letter, PostOffice
from deploy.local.demo.survey import answer_survey, look_at

SOURCE: Final = "demo-channels"
"""The system account under which phone desk, chat, WeChat and relay send in what people say."""
_LOOK_SECONDS: Final = 2.0
_FIRST_LOOK_SECONDS: Final = 4.0


class Customers:
    """Everything that the HTTP customers share. `closing` is set when nobody is expected to answer any more."""

    def __init__(self, api: Api, http: aiohttp.ClientSession, office: PostOffice, claims: Claims, *, seed: int) -> None:
        self.closing = asyncio.Event()
        self._api = api
        self._http = http
        self._office = office
        self._claims = claims
        self._chance = random.Random(f"customers-{seed}")  # noqa: S311 - the same seed behaves the same

    # ------------------------------------------------------------ a case from its request on

    async def live(self, case: Case) -> None:
        """Play one case to its end; what goes wrong is noted in the claims."""
        try:
            ticket_id = await self.ask(case)
            await self._add(case, ticket_id)
            if case.reads_mail:
                await self.read_mail(case, ticket_id)
        except (CallFailedError, aiohttp.ClientError, TimeoutError) as error:
            self._claims.troubles.append(f"{case.external_id}: {error}")

    async def ask(self, case: Case) -> str:
        """Send the request, and again where the case repeats it; returns the ticket's id. Raises CallFailedError."""
        answer = await self._send(case)
        ticket_id = str(answer["ticket_id"])
        self._claims.accepted.append(Accepted(case.channel, case.external_id, now_ms(), ticket_id))
        self._claims.progress_urls.append(str(answer["progress_url"]))
        if case.rating is not None:
            self._claims.will_rate.add(ticket_id)
        if case.repeated:
            await asyncio.sleep(self._chance.uniform(0.0, 2.0))
            again = await self._send(case)
            self._claims.repeated += 1
            if again["ticket_id"] != ticket_id:
                self._claims.strayed.append(f"{case.external_id} was answered with {again['ticket_id']}")
        return ticket_id

    async def _send(self, case: Case) -> dict[str, Any]:
        body = _request(case, case.body)
        if case.channel in BY_THEMSELVES:  # these name the message by the Idempotency-Key alone
            return await self._api.send_request(body, token=self._own_token(case), key=case.external_id)
        named = {**body, "external_id": case.external_id}
        return await self._api.send_request(named, token=self._api.token(SOURCE, "system"))

    async def _add(self, case: Case, ticket_id: str) -> None:
        """Cancel, or send a further message, as the case says."""
        if case.cancels:
            await asyncio.sleep(self._chance.uniform(0.2, 1.0))
            await self._command(case, ticket_id, "cancel", {"reason": "不需要了，已自行解决"})
        elif case.follows_up:
            await asyncio.sleep(self._chance.uniform(0.5, 4.0))
            await self._follow_up(case, ticket_id)

    async def _follow_up(self, case: Case, ticket_id: str) -> None:
        text = "补充：问题还在，请尽快。" if case.person.language == "zh-CN" else "One thing more: it is still there."
        external_id = f"{case.external_id}-more"
        body = _request(case, f"{text} ({external_id})")
        own = case.channel in BY_THEMSELVES
        if case.channel not in CONVERSING:
            # Only once the ticket is there can a message name it.
            token = self._own_token(case) if own else self._api.token(SOURCE, "system")
            await self._api.ticket(ticket_id, token=token)
            body = {**body, "ticket_id": ticket_id}
        if own:
            answer = await self._api.send_request(body, token=self._own_token(case), key=external_id)
        else:
            named = {**body, "external_id": external_id}
            answer = await self._api.send_request(named, token=self._api.token(SOURCE, "system"))
        self._claims.messages.append(Message(ticket_id, external_id))
        if answer["ticket_id"] != ticket_id:
            self._claims.strayed.append(f"{external_id} was answered with {answer['ticket_id']}, not {ticket_id}")

    # ------------------------------------------------------------ after the first answer

    async def read_mail(self, case: Case, ticket_id: str) -> None:
        """Look into the mailbox now and then; agree, look at the progress page and rate as the case says."""
        inbox = Inbox(self._office, case.person.email)
        try:
            await _pause(self.closing, _FIRST_LOOK_SECONDS)
            while not self.closing.is_set():
                for letter in await letters(inbox):
                    if letter.ticket_id == ticket_id and await self._react(case, letter):
                        return
                await _pause(self.closing, self._chance.uniform(0.8, 1.2) * _LOOK_SECONDS)
        finally:
            await asyncio.to_thread(inbox.close)

    async def _react(self, case: Case, letter: Letter) -> bool:
        """Do what the letter asks for; tell whether the case is over for this person."""
        if letter.progress_url is not None and letter.node == "assigned":
            await look_at(self._http, letter.progress_url, "progress", self._claims)
        if letter.node == "resolved" and case.confirms:
            await self._command(case, letter.ticket_id, "confirm", None)
            return case.rating is None
        if letter.node == "survey_offered" and letter.survey_url is not None and case.rating is not None:
            await rate(self._http, letter.survey_url, letter.ticket_id, case, self._claims)
            return True
        return False

    async def _command(self, case: Case, ticket_id: str, action: str, body: dict[str, Any] | None) -> None:
        key = f"{action}-{ticket_id}"
        token = self._own_token(case)
        answer = await self._api.command(ticket_id, action, token=token, key=key, body=body)
        self._claims.commands.append(Command(action, ticket_id, str(answer["command_id"])))

    def _own_token(self, case: Case) -> str:
        return self._api.token(case.person.requester_id, "requester")


async def rate(http: aiohttp.ClientSession, survey_url: str, ticket_id: str, case: Case, claims: Claims) -> None:
    """Answer a survey as the case says; raises aiohttp.ClientError or TimeoutError when it is not taken."""
    if case.rating is None:
        return
    await look_at(http, survey_url, "survey", claims)
    claims.survey_urls.append(survey_url)
    low = case.rating <= 2  # noqa: PLR2004 - dissatisfied
    await answer_survey(http, survey_url, case.rating, "问题没有真正解决" if low else "")
    claims.answers.append(Answer(ticket_id, case.rating))


async def letters(inbox: Inbox) -> list[Letter]:
    """Return an inbox's new letters; none where the mail server does not answer this time."""
    try:
        return await asyncio.to_thread(inbox.new_letters)
    except (OSError, imaplib.IMAP4.error):
        return []


async def paced(cases: list[Case], per_second: float, play: Callable[[Case], Any]) -> None:
    """Begin the cases one after the other at an even pace, and wait until all of them are over."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for place, case in enumerate(cases):
            await asyncio.sleep(max(0.0, began + place / per_second - loop.time()))
            group.create_task(play(case))


async def _pause(closing: asyncio.Event, seconds: float) -> None:
    """Sleep, but no longer than until `closing`."""
    try:
        async with asyncio.timeout(seconds):
            await closing.wait()
    except TimeoutError:
        return


def _request(case: Case, body: str) -> dict[str, Any]:
    someone = case.person
    requester = {
        "requester_id": someone.requester_id,
        "name": someone.name,
        "email": someone.email,
        "language": someone.language,
    }
    conversation = {"conversation": f"{case.channel}-{someone.requester_id}"} if case.channel in CONVERSING else {}
    return {
        "channel": case.channel,
        "requester": requester,
        "subject": case.subject,
        "body": body,
        **conversation,
        **case.details,
    }
