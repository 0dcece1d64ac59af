"""Places of a thread index: what a message can be found again by, without personal data in any key."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

PLACE_CHARACTERS: Final = 32
_REPLY_MARKS: Final = re.compile(
    r"^(?:\s|(?:re|aw|sv|fw|fwd|wg|回复|回覆|答复|转发|轉發|自动回复)\s*(?:\[\d+\]|\(\d+\))?\s*[:：])+", re.IGNORECASE
)
_SPACES: Final = re.compile(r"\s+")


def message_place(channel: str, message_id: str) -> str:
    """Where the message with this id (the channel's own) is noted."""
    return "m" + _digest(channel, message_id)


def conversation_place(channel: str, conversation: str) -> str:
    """Where the open ticket of a conversation is noted."""
    return "c" + _digest(channel, conversation)


def conversation_key(*parts: str) -> str:
    """A conversation's name made from texts that may be personal (addresses, subjects): equal texts, equal name."""
    return _digest(*parts)


def normalised_subject(subject: str) -> str:
    """A subject without marks of replying and forwarding, in one case and spacing: equal for a whole thread."""
    return _SPACES.sub(" ", _REPLY_MARKS.sub("", subject)).strip().casefold()


def _digest(*parts: str) -> str:
    lengths = "/".join(str(len(part)) for part in parts)
    return sha256("\x00".join((lengths, *parts)).encode(errors="surrogatepass")).hexdigest()[:PLACE_CHARACTERS]
