"""Draws the board. It works without JavaScript too, then without moving."""

from __future__ import annotations

from datetime import datetime
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.vocabulary import Language
from services._runtime.web.language import OTHER
from services._runtime.web.slack import slack_text, urgency
from services._runtime.web.templates import templates_of
from services.sla_monitor.api.words import WORDS
from services.sla_monitor.domain.board import LATE, OVERDUE, WAITING, Board, Row
from services.sla_monitor.domain.instants import from_datetime, to_datetime
from services.sla_monitor.domain.target_names import target_name
from services.sla_monitor.domain.targets import PAUSED, RUNNING

_TEMPLATES: Final = resources.files("services.sla_monitor").joinpath("templates")
ASSETS: Final = ("board.css",)
MAIN_LANES: Final = (OVERDUE, WAITING, RUNNING)
SIDE_LANES: Final = (PAUSED, LATE)


class BoardPage:
    """Draws pages and fragments; `timezone` is that of the times on them."""

    def __init__(self, timezone: ZoneInfo) -> None:
        self._timezone = timezone
        environment = templates_of("services.sla_monitor")
        self._page = environment.get_template("board.html")
        self._lanes = environment.get_template("board_lanes.html")

    def board(self, board: Board | None, pool: str | None, lang: Language, now: datetime) -> str:
        """The whole page; without a board it says that it comes back."""
        return self._page.render(
            **self._common(lang),
            signed_in=True,
            refused=False,
            pool=pool,
            pools=board.pools if board is not None else [],
            lanes=self.lanes(board, lang, now) if board is not None else None,
        )

    def sign_in(self, lang: Language, refused: bool = False) -> str:  # noqa: FBT001, FBT002 - as the door calls it
        """The form that asks for a token."""
        return self._page.render(
            **self._common(lang), signed_in=False, refused=refused, pool=None, pools=[], lanes=None
        )

    def lanes(self, board: Board, lang: Language, now: datetime) -> str:
        """The tiles and lanes alone, as the stream sends them."""
        now_us = from_datetime(now)
        return self._lanes.render(
            **self._common(lang),
            board=board,
            now_ms=now_us // 1_000,
            now_text=now.astimezone(self._timezone).strftime("%H:%M:%S"),
            main_lanes=MAIN_LANES,
            side_lanes=SIDE_LANES,
            card=lambda row: self._card(row, lang, now_us),
            moment=self._moment,
        )

    def _common(self, lang: Language) -> dict[str, Any]:
        words = WORDS[lang]
        return {
            "words": words,
            "lang": lang.value,
            "other_lang": OTHER[lang].value,
            "target_word": lambda target: target_name(lang, target),
            "role_word": lambda role: words.get(f"role.{role}", role),
        }

    def _card(self, row: Row, lang: Language, now_us: int) -> dict[str, Any]:
        """What a card shows of a row: how it counts, how urgent it is, and when exactly it is or was due."""
        mode, left_us = _counting(row, now_us)
        return {
            "mode": mode,
            "anchor_ms": row.at_us // 1_000,
            "text": slack_text(mode, left_us, WORDS[lang]),
            "urgency": urgency(mode, left_us),
            "when": self._moment(row.at_us),
            "started_ms": row.started_us // 1_000,
            "due_ms": None if row.due_us is None else row.due_us // 1_000,
            "used": _used(row, now_us),
        }

    def _moment(self, at_us: int) -> str:
        return to_datetime(at_us).astimezone(self._timezone).strftime("%m-%d %H:%M")


def _counting(row: Row, now_us: int) -> tuple[str, int]:
    """How a card counts and what it counts now: `slack` to its instant, `since` it, or `fixed`: how late it was."""
    if row.lane == LATE:
        return "fixed", (row.due_us or row.at_us) - row.at_us
    return ("since" if row.lane == PAUSED else "slack"), row.at_us - now_us


def _used(row: Row, now_us: int) -> float | None:
    """The share of the time from start to due that has gone by, by the wall clock; None while it stands."""
    if row.due_us is None or row.due_us <= row.started_us:
        return None
    return round(min(1.0, max(0.0, (now_us - row.started_us) / (row.due_us - row.started_us))), 4)


def asset(name: str) -> bytes:
    """A script or a style sheet in `ASSETS`."""
    return _TEMPLATES.joinpath(name).read_bytes()
