"""Decides what kind of work a request is, how urgent and for whom, and says why."""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.intake_requests import RequestReceived
from schemas.vocabulary import Category, Impact, Level, Urgency
from services.intake.domain.rules import IssueType, Rules

TEXT_CHARACTERS: Final = 2_000
"""How much of a message is looked at for keywords: what it is about stands at its beginning."""

_SEVERITY: Final = {impact: rank for rank, impact in enumerate(Impact)}
"""0 is worst."""


class Classification(msgspec.Struct, frozen=True, gc=False):
    """What `OpenTicket` states of a request beyond what the customer wrote."""

    issue_type: str
    impact: Impact
    urgency: Urgency
    category: Category
    priority: str
    priority_reason: str
    pool: str
    skills: list[str]
    level: Level
    missing_fields: list[str]


def classify(request: RequestReceived, rules: Rules) -> Classification:
    """The classification of a request. Nothing it states is lost: an issue type that no rule knows is kept."""
    name, template = _issue_type(request, rules)
    impact, impact_found = _impact(request, template, rules)
    urgency = request.urgency if request.urgency is not None else template.urgency
    tier = request.requester.tier
    priority, because = rules.priorities[impact, urgency, tier]
    route = next(each for each in rules.routes if each.holds(request.product, template.category, name, tier))
    stated = "stated" if request.urgency is not None else f"usual for {name}"
    return Classification(
        issue_type=name,
        impact=impact,
        urgency=urgency,
        category=template.category,
        priority=priority,
        priority_reason=f"{rules.label}: impact {impact.value} ({impact_found}), urgency {urgency.value} ({stated}), "
        f"tier {tier.value} → {priority}: {because}",
        pool=route.pool,
        skills=[*dict.fromkeys(route.skills + template.skills)],
        level=max(route.level, rules.least_levels.get(priority, Level.L1)),
        missing_fields=[field for field in template.required if _is_missing(request, field)],
    )


def _issue_type(request: RequestReceived, rules: Rules) -> tuple[str, IssueType]:
    """The type's name and template: as stated, else by the keyword that comes first in the rules, else the default."""
    stated = request.issue_type
    if stated is not None:
        return stated, rules.issue_types.get(stated) or rules.issue_types[rules.default_issue_type]
    text = f"{request.subject}\n{request.body[:TEXT_CHARACTERS]}".casefold()
    for keyword, name in rules.keywords:
        if keyword in text:
            return name, rules.issue_types[name]
    return rules.default_issue_type, rules.issue_types[rules.default_issue_type]


def _impact(request: RequestReceived, template: IssueType, rules: Rules) -> tuple[Impact, str]:
    """The worse of what is stated and what the share of affected users says; else what the template says."""
    by_users = _impact_of_users(request.users_affected_percent, rules)
    stated = request.impact
    if by_users is not None and (stated is None or _SEVERITY[by_users] < _SEVERITY[stated]):
        return by_users, f"{request.users_affected_percent} % of users affected"
    if stated is not None:
        return stated, "stated"
    return template.impact, "usual for such requests"


def _impact_of_users(percent: int | None, rules: Rules) -> Impact | None:
    if percent is None:
        return None
    return next((impact for least_percent, impact in rules.users_percent if percent >= least_percent), None)


def _is_missing(request: RequestReceived, field: str) -> bool:
    if field == "screenshot_url" and request.attachments > 0:
        return False
    return getattr(request, field) in {None, ""}
