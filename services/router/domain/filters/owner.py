"""Drops everyone but the technician who answers for the requester, as long as the work waits for them alone."""

from services.router.domain.work import Requirement


def keeps(requirement: Requirement, technician_id: str) -> bool:
    """Whether this technician may take the work while its named owner is waited for."""
    return requirement.only is None or requirement.only == technician_id
