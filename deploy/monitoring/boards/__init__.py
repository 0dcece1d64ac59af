"""The dashboards, one a file."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.boards.loop import LOOP
from deploy.monitoring.boards.processors import PROCESSORS
from deploy.monitoring.boards.sla import SLA
from deploy.monitoring.panels import Board

BOARDS: Final[tuple[Board, ...]] = (LOOP, PROCESSORS, SLA)

__all__ = ["BOARDS"]
