"""What a low rating leads to: a review, and the first time the ticket is opened again."""

from __future__ import annotations

from typing import Final

FIRST_CYCLE: Final = 1


def should_reopen(rated_cycle: int, current_cycle: int, *, ticket_open: bool) -> bool:
    """Whether a low rating of `rated_cycle` reopens the ticket.

    Only the first cycle's does: a customer who stays dissatisfied is served by the review, not by a loop. A ticket that
    is open, or was closed again since, needs no reopening.
    """
    return rated_cycle == FIRST_CYCLE and current_cycle == FIRST_CYCLE and not ticket_open
