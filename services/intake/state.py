"""What intake's two processors keep, and which version of it this code writes.

Both stores hold structs written as arrays. A new field goes to the end with a default and needs no new version; any
other change needs one, and an upgrade from the version before.
"""

from __future__ import annotations

from typing import Final

from services.intake.domain.conversation import Conversation
from services.intake.domain.ticket import Remnant, State, Ticket

TICKETS_VERSION: Final = 1
"""Of `intake.tickets.changelog`: ticket id → `Ticket` or `Remnant`."""

CONVERSATIONS_VERSION: Final = 1
"""Of `intake.conversations.changelog`: `conversation.store_key` → `Conversation`."""

__all__ = ["CONVERSATIONS_VERSION", "TICKETS_VERSION", "Conversation", "Remnant", "State", "Ticket"]
