"""Drops who gave this very ticket back before."""

from services.router.domain.work import Work


def keeps(work: Work, technician_id: str) -> bool:
    """Whether this technician has not declined the work."""
    return technician_id not in work.declined_by
