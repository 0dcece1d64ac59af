"""Prefers who knows the requester: by another ticket of theirs in this pool, or because they answer for them."""

from services.router.domain.policy import Policy
from services.router.domain.work import Work


def weigh(work: Work, technician_id: str, policy: Policy) -> float:
    """1 for who works on another ticket of the requester, or did last, and for the requester's named owner, else 0."""
    owner_id = policy.owners.get(work.requester_id) if work.requester_id is not None else None
    return 1.0 if technician_id in {work.related_technician_id, owner_id} else 0.0
