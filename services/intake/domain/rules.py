"""The normaliser's rules as values: issue types, priorities, routes, threading, redaction. All of it is data.

The data form is `rules/*.yaml`, which shows every field; `parse_rules` checks it whole, so that a request never meets a
gap: every combination of impact, urgency and tier has a priority, and every ticket a pool.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Final

import msgspec

from schemas.vocabulary import Category, Channel, Impact, Level, Tier, Urgency
from services.intake.domain.redaction import Secret

REQUIRABLE: Final = frozenset(
    {"product", "version", "impact", "urgency", "users_affected_percent", "steps_to_reproduce", "screenshot_url"}
)
"""Fields of a request that a template may ask for."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
PriorityName = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9]{0,7}$")]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class InvalidRules(ValueError):  # noqa: N818 - says what the rules are
    """Rules that can't be used; the message names the field and the reason."""


class IssueType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One structured template. `required` fields are listed as missing where a request leaves them out.

    `impact` and `urgency` hold where the request states none; `keywords` find the type of a request that names none.
    """

    category: Category
    impact: Impact
    urgency: Urgency
    required: tuple[str, ...] = ()
    keywords: tuple[Name, ...] = ()
    skills: tuple[Name, ...] = ()


class PriorityRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A priority and why; a condition that is left out holds for all. The first rule that holds decides."""

    priority: PriorityName
    because: Name
    impact: tuple[Impact, ...] = ()
    urgency: tuple[Urgency, ...] = ()
    tier: tuple[Tier, ...] = ()

    def holds(self, impact: Impact, urgency: Urgency, tier: Tier) -> bool:
        """Whether the rule is for this combination."""
        return (
            (not self.impact or impact in self.impact)
            and (not self.urgency or urgency in self.urgency)
            and (not self.tier or tier in self.tier)
        )


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where work goes, which skills and which least level it takes. The first route that holds decides."""

    pool: Name
    level: Level = Level.L1
    skills: tuple[Name, ...] = ()
    product: tuple[Name, ...] = ()
    category: tuple[Category, ...] = ()
    issue_type: tuple[Name, ...] = ()
    tier: tuple[Tier, ...] = ()

    def holds(self, product: str | None, category: Category, issue_type: str, tier: Tier) -> bool:
        """Whether the route is for this work; products are compared without regard to case."""
        return (
            (not self.product or (product or "").casefold() in self.product)
            and (not self.category or category in self.category)
            and (not self.issue_type or issue_type in self.issue_type)
            and (not self.tier or tier in self.tier)
        )

    @property
    def is_for_all(self) -> bool:
        """Whether it has no condition."""
        return not (self.product or self.category or self.issue_type or self.tier)


class Threading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which messages belong together.

    `open_seconds` is how long after its last message a conversation still means the same ticket, by channel; on those
    left out it never does. `remember_seconds` is how long a message is known again: longer than a
    retry may take, and no shorter than `intake.requests` keeps it.
    """

    remember_seconds: Seconds
    open_seconds: dict[Channel, Seconds] = {}


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data form of `Rules`."""

    rules_id: Name
    version: Annotated[int, msgspec.Meta(ge=1)]
    default_issue_type: Name
    issue_types: dict[Name, IssueType]
    impact_by_users_percent: dict[Impact, Annotated[int, msgspec.Meta(ge=1, le=100)]]
    priorities: tuple[PriorityRule, ...]
    least_levels: dict[PriorityName, Level]
    routes: tuple[Route, ...]
    threading: Threading
    redact: tuple[Secret, ...] = (Secret.CARD, Secret.IDENTITY)


class Rules(msgspec.Struct, frozen=True):
    """Rules ready for use. `label` names them with their version, `users_percent` is worst impact first.

    `priorities` has every combination of impact, urgency and tier, with the priority and its reason.
    """

    label: str
    default_issue_type: str
    issue_types: Mapping[str, IssueType]
    keywords: tuple[tuple[str, str], ...]
    users_percent: tuple[tuple[int, Impact], ...]
    priorities: Mapping[tuple[Impact, Urgency, Tier], tuple[str, str]]
    least_levels: Mapping[str, Level]
    routes: tuple[Route, ...]
    threading: Threading
    redact: tuple[Secret, ...]


def parse_rules(data: object) -> Rules:
    """Rules from their data form (what a YAML reader gives).

    Raises:
        InvalidRules: a missing, unknown or wrong field, a combination without a priority, no route for all.
    """
    try:
        document = msgspec.convert(data, Document)
    except msgspec.ValidationError as error:
        raise InvalidRules(str(error)) from None
    _check_names(document)
    if not document.routes or not document.routes[-1].is_for_all:
        raise InvalidRules("routes: the last one must be for all work")
    return Rules(
        label=f"{document.rules_id} v{document.version}",
        default_issue_type=document.default_issue_type,
        issue_types=document.issue_types,
        keywords=tuple(
            (keyword.casefold(), name) for name, issue in document.issue_types.items() for keyword in issue.keywords
        ),
        users_percent=tuple(
            (document.impact_by_users_percent[impact], impact)
            for impact in Impact
            if impact in document.impact_by_users_percent
        ),
        priorities=_priorities(document.priorities),
        least_levels=document.least_levels,
        routes=tuple(_in_one_case(route) for route in document.routes),
        threading=document.threading,
        redact=document.redact,
    )


def _check_names(document: Document) -> None:
    known = document.issue_types.keys()
    if document.default_issue_type not in known:
        raise InvalidRules(f"default_issue_type: there is no {document.default_issue_type!r}")
    for name, issue in document.issue_types.items():
        if unknown := sorted(set(issue.required) - REQUIRABLE):
            raise InvalidRules(f"issue_types.{name}.required: {unknown[0]!r} is not one of {sorted(REQUIRABLE)}")
    for number, route in enumerate(document.routes, start=1):
        if unknown := sorted(set(route.issue_type) - known):
            raise InvalidRules(f"routes, number {number}: there is no issue type {unknown[0]!r}")
    if unknown := sorted(document.least_levels.keys() - {rule.priority for rule in document.priorities}):
        raise InvalidRules(f"least_levels: no rule gives the priority {unknown[0]!r}")


def _priorities(rules: tuple[PriorityRule, ...]) -> dict[tuple[Impact, Urgency, Tier], tuple[str, str]]:
    table = {}
    for impact, urgency, tier in product(Impact, Urgency, Tier):
        rule = next((each for each in rules if each.holds(impact, urgency, tier)), None)
        if rule is None:
            raise InvalidRules(f"priorities: none for impact {impact.value}, urgency {urgency.value}, {tier.value}")
        table[impact, urgency, tier] = (rule.priority, rule.because)
    return table


def _in_one_case(route: Route) -> Route:
    return msgspec.structs.replace(route, product=tuple(each.casefold() for each in route.product))
