"""Who has fallen silent. A missing sign of life is not one of absence: only what was seen, and grew old, counts."""

from __future__ import annotations

from datetime import datetime, timedelta


def is_gone(last_beat_at: datetime, watched_since: datetime, now: datetime, timeout: timedelta) -> bool:
    """Whether someone who last gave a sign of life at `last_beat_at` counts as gone at `now`.

    `watched_since` is from when on signs of life could be seen without a break: silence before that may have been our
    own (no Redis, an older copy of it, no instance that watched), so it is held against nobody.
    """
    return now - max(last_beat_at, watched_since) > timeout
