"""The way out of the read model: tickets, timelines, lists and counts of one tenant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from services._runtime.redis_client import RedisClient
from services._runtime.unavailable import Unavailable
from services.intake.adapters import keys
from services.intake.domain.views import Stats, TargetView, TicketPage, TicketView, TimelineEntry

TIES_MAX: Final = 64
"""Tickets opened in the same microsecond that a page can tell apart."""
_CURSOR: Final = re.compile(r"(?P<opened_us>\d{1,17})\.(?P<ticket_id>.{1,64})")
_TARGET: Final = "target:"
_entry: Final = msgspec.json.Decoder(TimelineEntry).decode
_target: Final = msgspec.json.Decoder(TargetView).decode
_names: Final = msgspec.json.Decoder(list[str]).decode


class ViewRebuilding(Unavailable):
    """The view is being read anew from the topics, so what it lacks may exist all the same."""

    part = "The view of tickets"


class InvalidCursorError(ValueError):
    """A `next` that no page of ours gave."""


class TicketViews:
    """Answers from Redis. Every method raises `RedisUnavailable` when it does not answer.

    What is not found while the view is not fresh raises `ViewRebuilding`: nobody is told that a ticket does not exist
    because Redis was emptied a moment ago.
    """

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def find(self, tenant: str, ticket_id: str) -> TicketView | None:
        """The ticket, or None where there is none."""
        async with self._redis.commands() as commands:
            found: Any = await commands.hgetall(keys.ticket(tenant, ticket_id))
        view = _ticket_view(ticket_id, found)
        if view is None and not await self._is_fresh():
            raise ViewRebuilding("still reading the topics")
        return view

    async def timeline(self, tenant: str, ticket_id: str, *, after: int, limit: int) -> list[TimelineEntry]:
        """At most `limit` events of a ticket with a sequence above `after`, oldest first."""
        async with self._redis.commands() as commands:
            entries: Any = await commands.lrange(keys.timeline(tenant, ticket_id), 0, -1)
        return [entry for entry in map(_entry, entries) if entry.sequence > after][:limit]

    async def sequence(self, tenant: str, ticket_id: str) -> int:
        """The sequence of a ticket's last event; 0 where there is no ticket (yet)."""
        async with self._redis.commands() as commands:
            return int(await commands.hget(keys.ticket(tenant, ticket_id), "sequence") or 0)

    async def held_by(self, tenant: str, technician_id: str, *, limit: int) -> TicketPage:
        """What a technician has in work, oldest first; `next` is null, nobody holds more than a page."""
        async with self._redis.commands() as commands:
            ids: Any = await commands.zrange(keys.held_by(tenant, technician_id), 0, limit - 1)
        return TicketPage(tickets=await self._views(tenant, ids), next=None)

    async def in_status(self, tenant: str, status: str, *, limit: int, cursor: str | None) -> TicketPage:
        """At most `limit` tickets in a status, newest first, from `cursor` on (the `next` of the page before).

        Raises:
            InvalidCursorError: the cursor is not one of ours.
        """
        opened_us, last_id = _read_cursor(cursor)
        async with self._redis.commands() as commands:
            found: Any = await commands.zrevrangebyscore(
                keys.in_status(tenant, status), opened_us, "-inf", start=0, num=limit + TIES_MAX + 1, withscores=True
            )
        rows = [(member, int(score)) for member, score in found]
        if cursor is not None:
            rows = [row for row in rows if row[1] < int(opened_us) or row[0] < last_id]
        page, more = rows[:limit], len(rows) > limit
        tickets = await self._views(tenant, [member for member, _ in page])
        return TicketPage(tickets=tickets, next=f"{page[-1][1]}.{page[-1][0]}" if more else None)

    async def stats(self, tenant: str) -> Stats:
        """The counts of a tenant."""
        async with self._redis.commands() as commands, commands.pipeline(transaction=False) as pipeline:
            for what in ("status", "channel", "events"):
                pipeline.hgetall(keys.stats(tenant, what))
            pipeline.exists(keys.FRESH)
            status, channel, events, fresh = await pipeline.execute()
        return Stats(status=_counts(status), channel=_counts(channel), events=_counts(events), fresh=bool(fresh))

    async def _views(self, tenant: str, ids: Sequence[str]) -> list[TicketView]:
        async with self._redis.commands() as commands, commands.pipeline(transaction=False) as pipeline:
            for ticket_id in ids:
                pipeline.hgetall(keys.ticket(tenant, ticket_id))
            found = await pipeline.execute()
        views = (_ticket_view(ticket_id, fields) for ticket_id, fields in zip(ids, found, strict=True))
        return [view for view in views if view is not None]

    async def _is_fresh(self) -> bool:
        return await self._redis.get(keys.FRESH) is not None


def _read_cursor(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return "+inf", ""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidCursorError
    return match["opened_us"], match["ticket_id"]


def _counts(fields: Mapping[str, str]) -> dict[str, int]:
    return {name: int(count) for name, count in sorted(fields.items()) if int(count)}


def _ticket_view(ticket_id: str, fields: Mapping[str, str]) -> TicketView | None:
    if "sequence" not in fields:
        return None  # nothing, or only what its clocks said, which came first

    def text(name: str) -> str | None:
        return fields.get(name) or None

    def number(name: str) -> int | None:
        value = fields.get(name)
        return int(value) if value else None

    def names(name: str) -> list[str]:
        value = fields.get(name)
        return _names(value) if value else []

    return TicketView(
        ticket_id=ticket_id,
        sequence=int(fields["sequence"]),
        status=fields["status"],
        priority=text("priority"),
        channel=text("channel"),
        subject=text("subject"),
        body=text("body"),
        requester_id=text("requester_id"),
        company=text("company"),
        tier=text("tier"),
        language=text("language"),
        issue_type=text("issue_type"),
        product=text("product"),
        version=text("version"),
        users_affected_percent=number("users_affected_percent"),
        steps_to_reproduce=text("steps_to_reproduce"),
        screenshot_url=text("screenshot_url"),
        missing_fields=names("missing_fields"),
        category=text("category"),
        pool=text("pool"),
        skills=names("skills"),
        level=text("level"),
        technician_id=text("technician_id"),
        cycle=number("cycle") or 1,
        merged_into=text("merged_into"),
        opened_at=text("opened_at"),
        updated_at=fields["updated_at"],
        resolved_at=text("resolved_at"),
        closes_at=text("closes_at"),
        closed_at=text("closed_at"),
        csat=number("csat"),
        nps=number("nps"),
        targets=sorted(
            (_target(value) for name, value in fields.items() if name.startswith(_TARGET)),
            key=lambda target: target.target,
        ),
    )
