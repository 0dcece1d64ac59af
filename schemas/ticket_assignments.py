"""`ticket.assignments`: what the router proposes. Key: ticket id. Writer: the router. The ledger disposes."""

from __future__ import annotations

from schemas.contract import Contract, Instant
from schemas.parts import Candidate
from schemas.vocabulary import Count, Line, Name, Sequence, TicketId


class AssignmentEvent(Contract):
    """What every routing decision states; `generation` echoes the offer's."""

    ticket_id: TicketId
    generation: Sequence
    pool: Name
    decided_at: Instant
    position: Line


class AssignmentQueued(AssignmentEvent, type_name="aftercare.assignment.queued.v1"):
    """Nobody can take it now; it waits. `dropped` counts the technicians that each filter dropped."""

    dropped: dict[str, Count]


class AssignmentMade(AssignmentEvent, type_name="aftercare.assignment.made.v1"):
    """The winner, the next two, and how many technicians each filter dropped."""

    technician_id: Name
    by_hand: bool = False
    candidates: list[Candidate]
    dropped: dict[str, Count]
