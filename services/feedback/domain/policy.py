"""The numbers that surveys go by. Their defaults and meanings are the settings of the service."""

from __future__ import annotations

from datetime import timedelta

import msgspec


class Policy(msgspec.Struct, frozen=True):
    """When to ask, for how long, how often, which score is low, and how long to remember.

    `low_csat_max` and `low_nps_max` are the best scores that still count as low.
    """

    ask_after: timedelta
    open_for: timedelta
    ask_again_after: timedelta
    low_csat_max: int
    low_nps_max: int
    retention: timedelta
