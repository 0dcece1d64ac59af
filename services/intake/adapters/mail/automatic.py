"""Whether a mail was written by a person (RFC 3834): what was not makes no ticket and gets no answer."""

from __future__ import annotations

from email.message import Message
from typing import Final

from services.intake.adapters.mail.texts import raw_header

_BULK: Final = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply"})
_ROBOT_NAMES: Final = frozenset({"mailer-daemon", "postmaster", "noreply-bounce", "bounce"})
_ANSWERING_HEADERS: Final = ("X-Autoreply", "X-Autorespond", "X-Auto-Response", "X-Failed-Recipients")
_WORD_CHARACTERS: Final = 40


def automatic_reason(message: Message, sender: str) -> str | None:
    """Why the mail counts as automatic, in words without personal data; None for a person's.

    `sender` is the address in From, in lower case.
    """
    if message.get_content_type() == "multipart/report":
        return "report: " + _word(str(message.get_param("report-type") or "unknown"))
    if message.get("Return-Path") is not None and raw_header(message, "Return-Path") in {"<>", ""}:
        return "null sender"
    stated = _stated(message)
    if stated is None and sender.partition("@")[0] in _ROBOT_NAMES:
        return "from a mail system"
    return stated


def _stated(message: Message) -> str | None:
    """What the mail says of itself."""
    submitted = _word(raw_header(message, "Auto-Submitted"))
    if submitted not in {"", "no"}:
        return f"Auto-Submitted: {submitted}"
    precedence = _word(raw_header(message, "Precedence"))
    if precedence in _BULK:
        return f"Precedence: {precedence}"
    return next((name for name in _ANSWERING_HEADERS if message.get(name) is not None), None)


def _word(value: str) -> str:
    """The first word of a header's value, without parameters and comments."""
    words = value.replace(";", " ").replace("(", " ").split()
    return words[0].casefold()[:_WORD_CHARACTERS] if words else ""
