"""Draws the coordinator board. It shows without JavaScript too, then without moving; assigning needs it."""

from __future__ import annotations

from datetime import datetime
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.vocabulary import Language
from services._runtime.web.language import OTHER
from services._runtime.web.slack import SECOND_US, slack_text, spelled, urgency
from services._runtime.web.templates import templates_of
from services.router.api.words import WORDS
from services.router.domain.board import Board, Holding, OfferRow, PoolCounts

ASSETS: Final = ("board.js", "board.css")
_TEMPLATES: Final = resources.files("services.router").joinpath("templates")


class BoardPage:
    """Draws pages and fragments; `timezone` is that of the times on them."""

    def __init__(self, timezone: ZoneInfo) -> None:
        self._timezone = timezone
        environment = templates_of("services.router")
        self._page = environment.get_template("board.html")
        self._lanes = environment.get_template("board_lanes.html")

    def board(self, board: Board | None, pool: str | None, lang: Language, now: datetime, *, may_assign: bool) -> str:
        """The whole page; without a board it says that it comes back."""
        return self._page.render(
            **_common(lang),
            signed_in=True,
            refused=False,
            pool=pool,
            pools=[each.pool for each in board.pools] if board is not None else [],
            lanes=self.lanes(board, lang, now, may_assign=may_assign) if board is not None else None,
            may_assign=may_assign,
        )

    def sign_in(self, lang: Language, refused: bool = False) -> str:  # noqa: FBT001, FBT002 - as the door calls it
        """The form that asks for a token."""
        return self._page.render(
            **_common(lang), signed_in=False, refused=refused, pool=None, pools=[], lanes=None, may_assign=False
        )

    def lanes(self, board: Board, lang: Language, now: datetime, *, may_assign: bool) -> str:
        """The tiles and lanes alone, as the stream sends them."""
        return self._lanes.render(
            **_common(lang),
            board=board,
            totals=_totals(board.pools),
            may_assign=may_assign,
            now_ms=int(now.timestamp() * 1_000),
            now_text=now.astimezone(self._timezone).strftime("%H:%M:%S"),
            card=lambda row: self._card(row, lang, now),
            bar=_bar,
        )

    def _card(self, row: OfferRow, lang: Language, now: datetime) -> dict[str, Any]:
        """What a card shows of a piece of work: its slack and how urgent that is, or how long it waits without one."""
        words = WORDS[lang]
        mode, anchor = ("since", row.queued_at) if row.due_at is None else ("slack", row.due_at)
        left_us = int((anchor - now).total_seconds() * SECOND_US)
        waited_us = int((now - row.queued_at).total_seconds() * SECOND_US)
        return {
            "mode": mode,
            "anchor_ms": int(anchor.timestamp() * 1_000),
            "text": slack_text(mode, left_us, words),
            "urgency": urgency(mode, left_us),
            "queued_ms": int(row.queued_at.timestamp() * 1_000),
            "waited": spelled(waited_us, words),
            "when": anchor.astimezone(self._timezone).strftime("%m-%d %H:%M"),
        }


def _bar(holding: Holding) -> dict[str, Any]:
    """The bar of someone's load: `full` from their capacity on, `high` from three quarters."""
    share = holding.share
    return {"value": round(min(share, 1.0), 3), "tone": "full" if share >= 1 else "high" if share >= 0.75 else "free"}  # noqa: PLR2004 - said above


def _totals(pools: tuple[PoolCounts, ...]) -> dict[str, Any]:
    capacity, load = sum(each.capacity for each in pools), sum(each.load for each in pools)
    return {
        "waiting": sum(each.waiting for each in pools),
        "overdue": sum(each.overdue for each in pools),
        "due": sum(each.due_within_hour for each in pools),
        "available": sum(each.present.get("available", 0) for each in pools),
        "people": sum(sum(each.present.values()) for each in pools),
        "utilisation": None if not capacity else round(100 * load / capacity),
    }


def _common(lang: Language) -> dict[str, Any]:
    return {"words": WORDS[lang], "lang": lang.value, "other_lang": OTHER[lang].value}


def asset(name: str) -> bytes:
    """A script or a style sheet in `ASSETS`."""
    return _TEMPLATES.joinpath(name).read_bytes()
