"""Who is told at a node, through what, and for how long it is tried: rules that are data (`rules/audience.yaml`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from schemas.vocabulary import Medium, Role
from services.notifier.domain.bundling import Rules
from services.notifier.domain.nodes import POOL_ROLES, Node, Voice, voice_of

DEFAULT: Final = "default"
ESCALATED_TO: Final = "escalated_to"
"""Stands in the rules of `escalated` for the roles that the ladder's step names."""

FORM_VERSION: Final = 1
NODES_WITHOUT_STAFF: Final = frozenset({Node.SURVEY_OFFERED})
"""A survey's link rates in the customer's name: it goes to nobody else."""
NODES_OF_POOLS: Final = frozenset({Node.SLA_SURGE})
"""What is no single ticket's concerns the people of its pool."""

_FIELDS: Final = frozenset({"version", "give_up_after_seconds", "bundling", "nodes"})
_BUNDLING_FIELDS: Final = frozenset({"window_seconds", "burst_messages", "late_after_seconds", "at_once"})
_GIVE_UP_SECONDS_MAX: Final = 7 * 24 * 3_600
_WINDOW_SECONDS_MAX: Final = 3_600
_BURST_MAX: Final = 1_000


class InvalidAudience(ValueError):  # noqa: N818 - says what the rules are
    """The rules can't be used; the message names the place and what is wrong there."""


class Told(NamedTuple):
    """Someone to tell: `role` None means the roles that the escalation step names."""

    role: Role | None
    medium: Medium


class Audience:
    """Checked rules. Both lookups fall back from the priority to `default`; priorities are names, so any may be asked.

    Args:
        nodes: whom to tell, by node and priority; each node has a `default`.
        give_up_after_seconds: how long a delivery is tried, by priority; has a `default`.
        bundling: what goes out together.
    """

    def __init__(
        self,
        nodes: Mapping[Node, Mapping[str, tuple[Told, ...]]],
        give_up_after_seconds: Mapping[str, float],
        bundling: Rules,
    ) -> None:
        self._nodes = nodes
        self._give_up_after_seconds = give_up_after_seconds
        self.bundling = bundling

    def told(self, node: Node, priority: str) -> tuple[Told, ...]:
        """Return whom to tell, in the order of the rules; empty where nobody is."""
        rules = self._nodes[node]
        return rules.get(priority, rules[DEFAULT])

    def give_up_after(self, priority: str) -> timedelta:
        """Return how long a delivery for a ticket of this priority is tried."""
        seconds = self._give_up_after_seconds
        return timedelta(seconds=seconds.get(priority, seconds[DEFAULT]))

    def window(self, priority: str) -> timedelta:
        """Return how long messages of this priority are gathered."""
        windows = self.bundling.windows
        return windows.get(priority, windows[DEFAULT])

    def voices(self) -> Iterator[tuple[Node, Voice]]:
        """Yield every node with every voice that the rules speak in there: the templates that must exist."""
        for node, rules in self._nodes.items():
            roles = {told.role for everyone in rules.values() for told in everyone}
            for voice in sorted({Voice.STAFF if role is None else voice_of(role) for role in roles}):
                yield node, voice


def parse_audience(data: object, media: Collection[Medium]) -> Audience:
    """Return the rules that `data` (the loaded YAML) states.

    Args:
        data: a mapping with `version`, `give_up_after_seconds`, `bundling` and `nodes`.
        media: those that have a sender.

    Raises:
        InvalidAudience: an unknown or missing node, role, medium, field or default, or a number out of bounds.
    """
    form = _mapping(data, "the rules")
    if unknown := sorted(set(form) - _FIELDS):
        raise InvalidAudience(f"unknown fields: {', '.join(unknown)}")
    if form.get("version") != FORM_VERSION:
        raise InvalidAudience(f"version: {FORM_VERSION} is the one this code reads, got {form.get('version')!r}")
    nodes = _mapping(form.get("nodes"), "nodes")
    if unknown := sorted(set(nodes) - set(Node)):
        raise InvalidAudience(f"nodes: unknown: {', '.join(unknown)}; there are {', '.join(Node)}")
    if missing := sorted(set(Node) - set(nodes)):
        raise InvalidAudience(f"nodes: missing: {', '.join(missing)} (an empty default tells nobody)")
    return Audience(
        {Node(name): _priorities(Node(name), rules, media) for name, rules in nodes.items()},
        _seconds(form.get("give_up_after_seconds"), "give_up_after_seconds", _GIVE_UP_SECONDS_MAX),
        _bundling(form.get("bundling")),
    )


def _priorities(node: Node, data: object, media: Collection[Medium]) -> dict[str, tuple[Told, ...]]:
    where = f"nodes.{node}"
    rules = _mapping(data, where)
    if DEFAULT not in rules:
        raise InvalidAudience(f"{where}: has no {DEFAULT}")
    return {
        priority: tuple(
            told
            for role, through in _mapping(roles, f"{where}.{priority}").items()
            for told in _told(node, role, through, f"{where}.{priority}.{role}", media)
        )
        for priority, roles in rules.items()
    }


def _told(node: Node, role: str, through: object, where: str, media: Collection[Medium]) -> Iterator[Told]:
    if role == ESCALATED_TO:
        if node is not Node.ESCALATED:
            raise InvalidAudience(f"{where}: only the node {Node.ESCALATED} has a role that it escalates to")
    elif role not in set(Role):
        raise InvalidAudience(f"{where}: unknown role; there are {', '.join(Role)} and {ESCALATED_TO}")
    if node in NODES_OF_POOLS and role not in POOL_ROLES:
        raise InvalidAudience(f"{where}: {node} is for {', '.join(sorted(POOL_ROLES))}")
    if node in NODES_WITHOUT_STAFF and role != Role.REQUESTER:
        raise InvalidAudience(f"{where}: {node} is for the {Role.REQUESTER} alone")
    if not isinstance(through, list) or not through:
        raise InvalidAudience(f"{where}: a list of media is wanted")
    for name in through:
        if name not in set(Medium):
            raise InvalidAudience(f"{where}: unknown medium {name!r}; there are {', '.join(Medium)}")
        if name not in media:
            raise InvalidAudience(f"{where}: nothing sends through {name}; use {', '.join(sorted(media))}")
        yield Told(None if role == ESCALATED_TO else Role(role), Medium(name))


def _bundling(data: object) -> Rules:
    where = "bundling"
    form = _mapping(data, where)
    if set(form) != _BUNDLING_FIELDS:
        raise InvalidAudience(f"{where}: has {', '.join(sorted(_BUNDLING_FIELDS))}, and nothing else")
    windows = _seconds(form["window_seconds"], f"{where}.window_seconds", _WINDOW_SECONDS_MAX)
    late = _seconds({DEFAULT: form["late_after_seconds"]}, f"{where}.late_after_seconds", _WINDOW_SECONDS_MAX)
    burst, at_once = form["burst_messages"], form["at_once"]
    if isinstance(burst, bool) or not isinstance(burst, int) or not 0 <= burst <= _BURST_MAX:
        raise InvalidAudience(f"{where}.burst_messages: a whole number from 0 to {_BURST_MAX} is wanted")
    if not isinstance(at_once, list) or not all(isinstance(each, str) for each in at_once):
        raise InvalidAudience(f"{where}.at_once: a list of priorities is wanted")
    return Rules(
        windows={priority: timedelta(seconds=seconds) for priority, seconds in windows.items()},
        burst=burst,
        late_after=timedelta(seconds=late[DEFAULT]),
        at_once=frozenset(at_once),
    )


def _seconds(data: object, where: str, most: int) -> dict[str, float]:
    seconds = _mapping(data, where)
    if DEFAULT not in seconds:
        raise InvalidAudience(f"{where}: has no {DEFAULT}")
    checked: dict[str, float] = {}
    for priority, value in seconds.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            raise InvalidAudience(f"{where}.{priority}: a number above 0, at most {most}, is wanted")
        checked[priority] = float(value)
    return checked


def _mapping(data: object, where: str) -> dict[str, object]:
    if not isinstance(data, dict):
        raise InvalidAudience(f"{where}: a mapping is wanted")
    for name in data:
        if not isinstance(name, str):
            raise InvalidAudience(f"{where}: {name!r} is no name; put it in quotes")
    return data
