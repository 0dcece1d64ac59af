"""How much the demo does and how fast, and the settings that let a ticket's life pass in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Scale:
    """How much is sent and how fast. Shares are of the requests over HTTP.

    `slow_technicians` answer some tickets after `late_answer_seconds`, too late for all levels but the lowest.
    `loop_seconds_max` bounds the time from the first request to the last ticket's end.
    """

    tickets: int = 200
    mails: int = 20
    requests_per_second: float = 13.0
    repeated_share: float = 0.08
    follow_up_share: float = 0.10
    confirming_share: float = 0.12
    rating_share: float = 0.30
    low_share: float = 0.25
    cancelled: int = 4
    merged: int = 2
    slow_technicians: frozenset[str] = frozenset({"wang-fang", "chen-jie"})
    late_answer_seconds: tuple[float, float] = (21.0, 24.0)
    loop_seconds_max: float = 180.0
    seed: int = 2026


SMALL: Final = Scale(
    tickets=12,
    mails=3,
    requests_per_second=6.0,
    cancelled=1,
    merged=1,
    rating_share=0.5,
    slow_technicians=frozenset({"li-wei", "wang-fang", "chen-jie", "emma-clarke"}),
    late_answer_seconds=(10.5, 11.5),
)
"""As the end-to-end test runs it, under a policy of half the seconds."""


def service_settings() -> Mapping[str, str]:
    """Return the environment of the services: waits of days become seconds."""
    return {
        "AFTERCARE_ACCEPT_WITHIN_SECONDS": "20",
        "AFTERCARE_CLOSE_AFTER_SECONDS": "5",
        "AFTERCARE_IMAP_POLL_SECONDS": "0.5",
        "AFTERCARE_SLA_POLICY": "cn-demo",
        "AFTERCARE_SURVEY_AFTER_SECONDS": "1",
    }
