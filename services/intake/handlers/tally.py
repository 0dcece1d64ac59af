"""Counts what the processors decided, once it is known to be committed.

Handlers are pure, so they say what is to be counted as effects of their decisions; `count_effects` is what the
processors are given as `on_effects`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

from schemas.vocabulary import Channel
from services._runtime.metrics import ASSIGNMENT_SECONDS, INTAKE_COMMANDS_REFUSED, INTAKE_REQUESTS
from services.intake.handlers.census import level_label


class Fate(StrEnum):
    """What became of a request."""

    OPENED = "opened"
    THREADED = "threaded"
    DUPLICATE = "duplicate"
    AUTOMATIC = "automatic"


class RequestHandled(msgspec.Struct, frozen=True, gc=False):
    """Effect: a request was decided."""

    channel: Channel
    fate: Fate


class CommandTurnedDown(msgspec.Struct, frozen=True, gc=False):
    """Effect: a command was refused. `command` is its type name."""

    command: str


class FirstAssigned(msgspec.Struct, frozen=True, gc=False):
    """Effect: somebody was found for a ticket for the first time, so long after its request was accepted.

    Never negative, though clocks of two machines may differ.
    """

    priority: str
    seconds: float


def count_effects(effects: Sequence[Any]) -> None:
    """Put effects of both processors into the metrics; those of others are not ours."""
    for effect in effects:
        if isinstance(effect, RequestHandled):
            INTAKE_REQUESTS.labels(effect.channel.value, effect.fate.value).inc()
        elif isinstance(effect, CommandTurnedDown):
            INTAKE_COMMANDS_REFUSED.labels(effect.command).inc()
        elif isinstance(effect, FirstAssigned):
            ASSIGNMENT_SECONDS.labels(level_label(effect.priority)).observe(effect.seconds)
