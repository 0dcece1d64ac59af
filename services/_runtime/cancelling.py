"""Being cancelled although a library below has swallowed it.

aiokafka's consumer, for one, takes a cancellation that meets it while it closes for that of its own tasks. An endless
loop that never hears of it again would keep its process from stopping.
"""

from __future__ import annotations

import asyncio


def heed_cancellation() -> None:
    """Raise `asyncio.CancelledError` if the current task was asked to end; once a turn of every endless loop."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
