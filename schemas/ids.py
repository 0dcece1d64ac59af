"""Identities made from what they identify: the same request is the same ticket, the same fact the same event.

An id is a kind and 80 bits of SHA-256 in Crockford's base32, `T-8ZKD-3M0Q-V7XA-2HRC`: no letter that reads like a
digit, safe in a subject line, read aloud, and in any case. 80 bits keep a billion tickets apart with a chance of
collision below one in a million. An id is not a secret: links that leave the company carry a signed token beside it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_BITS: Final = 80
ID_CHARACTERS: Final = ID_BITS // 5
GROUP_CHARACTERS: Final = 4
TICKET_KIND: Final = "T"

_TICKET_ID: Final = re.compile(
    rf"(?<![0-9A-Za-z])T(?:-[0-9A-Za-z]{{{GROUP_CHARACTERS}}}){{{ID_CHARACTERS // GROUP_CHARACTERS}}}(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_MISREAD: Final = str.maketrans("OIL", "011")


def digest_id(kind: str, *parts: str) -> str:
    """An id of `kind` (one or two capitals) from texts, told apart by their bytes and their boundaries.

    Case and whitespace count, since external ids may differ in nothing else; trim them before where they don't.
    """
    digest = hashlib.sha256()
    for part in (kind, *parts):
        data = part.encode()
        # The length in front keeps ("ab", "c") and ("a", "bc") apart.
        digest.update(len(data).to_bytes(8, "big") + data)
    number = int.from_bytes(digest.digest()[: ID_BITS // 8], "big")
    letters = "".join(CROCKFORD[number >> shift & 31] for shift in range(ID_BITS - 5, -1, -5))
    groups = (letters[at : at + GROUP_CHARACTERS] for at in range(0, ID_CHARACTERS, GROUP_CHARACTERS))
    return "-".join((kind, *groups))


def ticket_id(tenant: str, channel: str, external_id: str) -> str:
    """The ticket that a channel's message opens; `external_id` is the channel's own id of it."""
    return digest_id(TICKET_KIND, tenant, channel, external_id)


def find_ticket_id(text: str) -> str | None:
    """The first ticket id in a text that a person wrote, in its canonical form; O, I and L are read as 0, 1 and 1."""
    for match in _TICKET_ID.finditer(text):
        groups = match.group().upper()[len(TICKET_KIND) :].translate(_MISREAD)
        if set(groups) <= {*CROCKFORD, "-"}:
            return TICKET_KIND + groups
    return None


def event_id(ticket_id: str, sequence: int) -> str:
    """The id of a ticket's event on `ticket.events`."""
    return f"{ticket_id}:{sequence}"


def pool_key(tenant: str, pool: str) -> str:
    """A tenant's pool, or its tickets without one (pool ""), as a key. A tenant's name has no colon."""
    return f"{tenant}:{pool}"
