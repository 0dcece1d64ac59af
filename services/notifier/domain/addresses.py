"""Whether an address can be written to at all, before a server is asked."""

from __future__ import annotations

import re
from typing import Final

_ADDRESS_CHARACTERS_MAX: Final = 254
"""RFC 5321, section 4.5.3.1.3, without the angle brackets."""

_MAILBOX: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?)+"
)
"""The HTML standard's form of an e-mail address. What it leaves out (quoted local parts, other scripts) would need
SMTPUTF8 on every hop."""


def mailbox(address: str | None) -> str | None:
    """Return `address` without surrounding blanks where a mail can be sent to it, None where it can't.

    A line break or a comma inside would add headers or recipients: such an address is none.
    """
    if address is None:
        return None
    stripped = address.strip()
    if len(stripped) > _ADDRESS_CHARACTERS_MAX or not _MAILBOX.fullmatch(stripped):
        return None
    return stripped


def folded(address: str) -> str:
    """Return the form in which two addresses of one mailbox are equal, as far as that can be told.

    Upper and lower case are told apart by no server in use, though the standard would allow it.
    """
    return address.strip().casefold()
