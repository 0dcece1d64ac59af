"""One mail, read: from the bytes that a mail server gave to what a request needs. Pure, no clock, no network."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.message import Message
from email.utils import getaddresses
from hashlib import sha256
from typing import Final

from schemas.vocabulary import Language
from services._runtime.mail_reference import ticket_of
from services.intake.adapters.mail.automatic import automatic_reason
from services.intake.adapters.mail.texts import clean, cut, header_text, part_text, raw_header, stripped_html
from services.intake.domain.threads import conversation_key, normalised_subject

SUBJECT_CHARACTERS: Final = 500
BODY_CHARACTERS: Final = 20_000
NAME_CHARACTERS: Final = 200
ADDRESS_CHARACTERS_MAX: Final = 320
MESSAGE_ID_CHARACTERS_MAX: Final = 500
REFERENCES_MAX: Final = 50
PARTS_MAX: Final = 200
"""Parts of a mail that are looked at; a mail made of more is no customer's."""
_MESSAGE_ID: Final = re.compile(r"<([^<>\s]{1,900})>")
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
_LATIN: Final = re.compile(r"[A-Za-z]")


class UnreadableMail(ValueError):  # noqa: N818 - says what the mail is
    """A mail that no request can be made of; the message says why, without quoting it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMail:
    """What a mail says.

    `external_id` is its Message-ID without brackets, or a digest of the mail. `references` are the Message-IDs of its
    thread, nearest first. `conversation` names the thread without personal data: signed reference, else the thread's
    root, else sender and subject. `automatic` says why no person wrote it, None for people.
    """

    external_id: str
    references: tuple[str, ...]
    conversation: str
    ticket_id: str | None
    sender: str
    sender_name: str | None
    subject: str
    body: str
    language: Language
    automatic: str | None
    attachments: int


def parse(raw: bytes, *, secret: str, own_address: str = "") -> ParsedMail:
    """Read a mail.

    Args:
        raw: RFC 5322, as the server keeps it; its end may be missing.
        secret: signs the Message-IDs of what we send.
        own_address: what we send from; mail from there is our own, come back.

    Raises:
        UnreadableMail: there is no sender to answer to.
    """
    message = email.message_from_bytes(raw, policy=policy.compat32)
    name, sender = _sender(message)
    automatic = automatic_reason(message, sender)
    if own_address and sender == own_address.casefold():
        automatic = automatic or "our own mail"
    if not sender:
        if automatic is None:
            raise UnreadableMail("no address in From")
        sender = "mailer-daemon@invalid"  # bounces may come without one
    message_id = _first_id(raw_header(message, "Message-ID"))
    references = _references(message)
    ticket_id = next((found for each in references if (found := ticket_of(secret, f"<{each}>"))), None)
    subject = cut(header_text(raw_header(message, "Subject")), SUBJECT_CHARACTERS)
    body, attachments = _contents(message)
    return ParsedMail(
        external_id=message_id or "digest-" + sha256(raw).hexdigest(),
        references=references,
        conversation=_conversation(ticket_id, references, sender, subject),
        ticket_id=ticket_id,
        sender=sender,
        sender_name=cut(name, NAME_CHARACTERS) or None,
        subject=subject,
        body=cut(clean(body).strip(), BODY_CHARACTERS),
        language=_language(subject + body[:BODY_CHARACTERS]),
        automatic=automatic,
        attachments=attachments,
    )


def _sender(message: Message) -> tuple[str, str]:
    # Addresses first, then the name alone is decoded: an encoded name may hold commas and brackets that are no syntax.
    for name, address in getaddresses([raw_header(message, "From")]):
        plain = clean(address).strip().casefold()
        if "@" in plain and len(plain) <= ADDRESS_CHARACTERS_MAX and plain.isprintable():
            return header_text(name), plain
    return "", ""


def _first_id(value: str) -> str | None:
    match = _MESSAGE_ID.search(value)
    found = match.group(1) if match else value.strip()
    usable = found.isprintable() and " " not in found and len(found) <= MESSAGE_ID_CHARACTERS_MAX
    return found if found and usable else None


def _references(message: Message) -> tuple[str, ...]:
    """In-Reply-To, then References from the nearest to the root, each once."""
    replied, thread = _ids(message, "In-Reply-To"), _ids(message, "References")
    unique = dict.fromkeys(each for each in (*replied, *reversed(thread)) if len(each) <= MESSAGE_ID_CHARACTERS_MAX)
    nearest = list(unique)
    if len(nearest) <= REFERENCES_MAX:
        return tuple(nearest)
    return (*nearest[: REFERENCES_MAX - 1], nearest[-1])  # the root is what names the thread


def _ids(message: Message, name: str) -> list[str]:
    # Some programs encode long ids as if they were words (RFC 2047), though none may stand here.
    raw = raw_header(message, name)
    return _MESSAGE_ID.findall(header_text(raw) if "=?" in raw else raw)


def _conversation(ticket_id: str | None, references: tuple[str, ...], sender: str, subject: str) -> str:
    if ticket_id is not None:
        return ticket_id
    if references:
        return "mail-" + conversation_key("root", references[-1])
    return "mail-" + conversation_key("subject", sender, normalised_subject(subject))


def _contents(message: Message) -> tuple[str, int]:
    """The text to read, and how many attachments come with it. Plain text is preferred to HTML."""
    plain: list[str] = []
    html: list[str] = []
    attachments = 0
    for part in _leaves(message):
        kind = part.get_content_type()
        if _is_attachment(part) or not kind.startswith("text/"):
            attachments += 1
        elif kind == "text/html":
            html.append(part_text(part))
        else:
            plain.append(part_text(part))
    text = "\n".join(plain)
    return (text if text.strip() else stripped_html("\n".join(html))), attachments


def _leaves(message: Message) -> Iterator[Message]:
    """The parts without parts of their own; a mail inside a mail counts as one, and is not opened."""
    pending = [message]
    for _ in range(PARTS_MAX):
        if not pending:
            return
        part = pending.pop(0)
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            pending[:0] = [inner for inner in payload if isinstance(inner, Message)]
        else:
            yield part


def _is_attachment(part: Message) -> bool:
    disposition = raw_header(part, "Content-Disposition").casefold()
    try:
        named = part.get_filename() is not None
    except (LookupError, ValueError):
        named = True
    return disposition.startswith("attachment") or named


def _language(text: str) -> Language:
    """What the sender seems to read: Chinese as soon as a fifth as many characters as Latin letters are Chinese."""
    chinese, latin = len(_CHINESE.findall(text)), len(_LATIN.findall(text))
    return Language.EN if latin and chinese * 5 < latin else Language.ZH_CN
