"""Message-IDs that name their ticket and can't be forged: how an answer finds its thread.

The notifier writes `<ticket.delivery.signature@domain>` into what it sends; mail programs copy it into In-Reply-To and
References of the answer, where the mail gateway reads the ticket back. The signature is the first 80 bits of
HMAC-SHA256 over `ticket.delivery`: guessing one to get into a stranger's ticket is out of reach.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import Final

_SIGNATURE_CHARACTERS: Final = 20
_FORM: Final = re.compile(r"<?(?P<ticket>[A-Za-z0-9-]{3,64})\.(?P<delivery>[a-f0-9]{16})\.(?P<signature>[a-f0-9]{20})@")


def message_id(secret: str, ticket_id: str, delivery_id: str, domain: str) -> str:
    """Return the Message-ID of a delivery, with angle brackets; the same delivery always has the same one."""
    delivery = sha256(delivery_id.encode()).hexdigest()[:16]
    return f"<{ticket_id}.{delivery}.{_signature(secret, ticket_id, delivery)}@{domain}>"


def ticket_of(secret: str, reference: str) -> str | None:
    """Return the ticket id that a Message-ID of ours names; None where it isn't ours or the signature is wrong."""
    match = _FORM.match(reference.strip())
    if match is None:
        return None
    expected = _signature(secret, match["ticket"], match["delivery"])
    return match["ticket"] if hmac.compare_digest(expected, match["signature"]) else None


def _signature(secret: str, ticket_id: str, delivery: str) -> str:
    text = f"mail-reference:{ticket_id}.{delivery}".encode()
    return hmac.new(secret.encode(), text, sha256).hexdigest()[:_SIGNATURE_CHARACTERS]
