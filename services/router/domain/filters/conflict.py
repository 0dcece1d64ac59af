"""Drops who has a conflict of interest with the requester."""

from collections.abc import Container

from services.router.domain.work import Work


def keeps(work: Work, conflicts: Container[str]) -> bool:
    """Whether someone with these conflicts (ids of requesters) may take the work."""
    return work.requester_id is None or work.requester_id not in conflicts
