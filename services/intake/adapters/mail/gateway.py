"""The loop between the mailbox and Kafka: a mail is marked as seen once every in-sync replica has its request.

A crash in between reads the same mail again, which gives the same external id and so the same ticket.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from pydantic import SecretStr, ValidationError

from schemas.parts import Requester
from schemas.vocabulary import Channel
from services._runtime.cancelling import heed_cancellation
from services._runtime.clock import Clock
from services._runtime.logs import get_logger
from services._runtime.metrics import MAILBOX_ROUNDS, MAILS
from services._runtime.tracing import traceparent_for
from services._runtime.unavailable import Unavailable
from services._runtime.view.lease import Lease
from services.intake.adapters.mail.mailbox import Mailbox, MailboxUnavailable
from services.intake.adapters.mail.message import ParsedMail, UnreadableMail, parse
from services.intake.adapters.profiles import Profiles
from services.intake.adapters.requests import RequestGateway
from services.intake.domain.arrival import Arrival, with_profile

MAILS_A_ROUND: Final = 50
REQUESTER_ID_CHARACTERS: Final = 24
RETRY_MAX_SECONDS: Final = 60.0
DOUBLINGS_MAX: Final = 10

log = get_logger(__name__)


class Origin(NamedTuple):
    """Whose mailbox it is: the tenant, the secret that signs what we send, and the address we send from."""

    tenant: str
    secret: SecretStr
    own_address: str


class _Taken(NamedTuple):
    """What became of one mail: `accepted`, `automatic`, or why it is rejected."""

    uid: bytes
    outcome: str
    rejected: bool


class MailGateway:
    """Polls the mailbox, as long as its lease lasts. One mail after the other is read, all of a round are sent at once.

    No mail, however broken, ends it; nor does a server that is away.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        requests: RequestGateway,
        profiles: Profiles,
        lease: Lease,
        *,
        origin: Origin,
        clock: Clock,
        poll_seconds: float,
    ) -> None:
        self._mailbox = mailbox
        self._requests = requests
        self._profiles = profiles
        self._lease = lease
        self._origin = origin
        self._clock = clock
        self._poll_seconds = poll_seconds
        self.status = "starting"

    async def run(self) -> None:
        """Keep on until cancelled."""
        failures = 0
        try:
            while True:
                outcome, more = await self._round()
                heed_cancellation()
                MAILBOX_ROUNDS.labels(outcome).inc()
                self.status = outcome
                failures = failures + 1 if outcome not in {"done", "standby"} else 0
                if not more:
                    await asyncio.sleep(self._pause_seconds(failures))
        finally:
            with contextlib.suppress(Unavailable):
                await self._lease.release()
            await self.close()

    async def poll(self) -> int:
        """Take in what is unseen, at most `MAILS_A_ROUND`; returns how many there were.

        Raises:
            MailboxUnavailable, KafkaUnavailable, RedisUnavailable: what was not marked is read again next time.
        """
        uids = await asyncio.to_thread(self._mailbox.unseen, MAILS_A_ROUND)
        if not uids:
            return 0
        mails = [(uid, await asyncio.to_thread(self._mailbox.fetch, uid)) for uid in uids]
        taken = await asyncio.gather(*(self._take(uid, raw) for uid, raw in mails), return_exceptions=True)
        await self._settle([each for each in taken if isinstance(each, _Taken)])
        for each in taken:
            if isinstance(each, BaseException):
                raise each
        return len(uids)

    async def close(self) -> None:
        """Log out of the mailbox."""
        await asyncio.to_thread(self._mailbox.close)

    def _pause_seconds(self, failures: int) -> float:
        longer = self._poll_seconds * 2.0 ** min(failures, DOUBLINGS_MAX)
        return min(longer, max(RETRY_MAX_SECONDS, self._poll_seconds))

    async def _round(self) -> tuple[str, bool]:
        """One look; what came of it, and whether there may be more at once."""
        try:
            if not await self._lease.hold():
                return "standby", False
            return "done", await self.poll() == MAILS_A_ROUND
        except MailboxUnavailable as error:
            log.warning("mailbox_unavailable", reason=str(error))
            return "mailbox", False
        except Unavailable as error:
            log.warning("mail_waits", part=error.part)
            return error.part.casefold(), False
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the polling for good
            # Without its text and stack, which may quote a mail.
            log.warning("mail_round_failed", error=type(error).__name__)
            return "failed", False

    async def _take(self, uid: bytes, raw: bytes | None) -> _Taken:
        if raw is None:
            return _Taken(uid, "gone", rejected=False)
        secret, own_address = self._origin.secret.get_secret_value(), self._origin.own_address
        try:
            mail = await asyncio.to_thread(parse, raw, secret=secret, own_address=own_address)
        except UnreadableMail as error:
            return _Taken(uid, str(error), rejected=True)
        except Exception as error:  # noqa: BLE001 - whatever a mail is made of, the next one must be read
            return _Taken(uid, type(error).__name__, rejected=True)
        try:
            await self._requests.accept(self._arrival(mail))
        except ValidationError as error:
            fields = sorted({".".join(str(part) for part in item["loc"]) for item in error.errors()})
            return _Taken(uid, f"breaks the contract at {', '.join(fields)}", rejected=True)
        except ValueError:
            return _Taken(uid, "larger than Kafka takes", rejected=True)
        return _Taken(uid, "accepted" if mail.automatic is None else "automatic", rejected=False)

    async def _settle(self, taken: Sequence[_Taken]) -> None:
        """Mark what Kafka has, and put aside what can't be made a request of."""
        done = [each for each in taken if not each.rejected]
        if done:
            await asyncio.to_thread(self._mailbox.mark_seen, [each.uid for each in done])
        for each in done:
            MAILS.labels(each.outcome).inc()
        for each in taken:
            if each.rejected:
                await asyncio.to_thread(self._mailbox.reject, each.uid)
                MAILS.labels("rejected").inc()
                log.warning("mail_rejected", uid=each.uid.decode(), reason=each.outcome)

    def _arrival(self, mail: ParsedMail) -> Arrival:
        requester = Requester.new(
            requester_id=requester_id(self._origin.secret, mail.sender),
            name=mail.sender_name,
            email=mail.sender,
            language=mail.language,
        )
        customer = self._profiles.customer_of(mail.sender)
        return Arrival(
            tenant=self._origin.tenant,
            channel=Channel.EMAIL,
            external_id=mail.external_id,
            requester=with_profile(requester, customer, language=mail.language),
            subject=mail.subject,
            body=mail.body,
            occurred_at=self._clock.now(),
            conversation=mail.conversation,
            references=mail.references,
            signed_ticket_id=mail.ticket_id,
            traceparent=traceparent_for(None),
            details={
                "in_reply_to": list(mail.references),
                "automatic": mail.automatic,
                "attachments": mail.attachments,
            },
        )


def requester_id(secret: SecretStr, address: str) -> str:
    """A stable id for whoever writes from an address, from which the address can't be found by trying."""
    digest = hmac.new(secret.get_secret_value().encode(), f"mail-requester:{address}".encode(), sha256)
    return "mail-" + digest.hexdigest()[:REQUESTER_ID_CHARACTERS]
