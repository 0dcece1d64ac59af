"""Prefers who worked on the ticket last: the customer needs to tell it only once."""

from services.router.domain.work import Work


def weigh(work: Work, technician_id: str) -> float:
    """1 for the technician of the ticket's last cycle, else 0."""
    return 1.0 if technician_id == work.last_technician_id else 0.0
