"""Prefers who knows the matter: whoever worked on the ticket that this one belongs to, or answers for the requester."""

from services.router.domain.policy import Policy
from services.router.domain.work import Work


def weigh(work: Work, technician_id: str, policy: Policy) -> float:
    """1 for the technician of the related ticket and for the requester's named owner, else 0."""
    owner_id = policy.owners.get(work.requester_id) if work.requester_id is not None else None
    return 1.0 if technician_id in {work.related_technician_id, owner_id} else 0.0
