"""Drops who does not take new work now."""

from schemas.vocabulary import Presence


def keeps(presence: Presence) -> bool:
    """Whether someone present in this way takes new work: busy, away and offline do not."""
    return presence is Presence.AVAILABLE
