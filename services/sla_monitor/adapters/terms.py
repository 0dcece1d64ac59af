"""Under which policy and calendar tickets run: the directory's, else the product's own.

A clock never stops for want of terms. What the directory says and can't be used is told in the log, once, and the next
best is taken: another version of the same policy, the packaged one, `cn-standard`; of a calendar the last one that
could be used, the packaged one, 24/7. Each event on `ticket.sla` says which policy decided it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from schemas.directory import CalendarDefined, SlaPolicyDefined
from services._runtime.clock import Clock
from services._runtime.directory.directory import Directory
from services._runtime.logs import get_logger
from services.sla_monitor.adapters.packaged import STANDARD, packaged_calendars, packaged_policies, policy_of
from services.sla_monitor.domain.calendar import ALWAYS, BusinessCalendar, InvalidCalendar, check_opens, parse_calendar
from services.sla_monitor.domain.conditions import Profile
from services.sla_monitor.domain.instants import from_datetime, to_datetime
from services.sla_monitor.domain.policy import InvalidPolicy, Policy
from services.sla_monitor.settings import PolicySettings

COMPLAINTS_MAX: Final = 1_000
"""Complaints remembered, so that each is made once; beyond that they repeat."""

log = get_logger(__name__)


class DirectoryTerms:
    """The `handlers.Terms` of a running service. For one thread: what is compiled is kept without a lock.

    `clock` says when calendars are loaded; without one they are not asked whether they ever open after that.
    """

    def __init__(self, directory: Directory, settings: PolicySettings, clock: Clock | None = None) -> None:
        self._directory = directory
        self._clock = clock
        self._default_id = settings.sla_policy
        self._packaged = packaged_policies()
        self._packaged_calendars = {name: BusinessCalendar(hours) for name, hours in packaged_calendars().items()}
        self._always = BusinessCalendar(ALWAYS)
        self._policies: dict[tuple[str, int], tuple[SlaPolicyDefined, Policy | None]] = {}
        self._calendars: dict[str, tuple[CalendarDefined, BusinessCalendar]] = {}
        self._ranked: tuple[tuple[SlaPolicyDefined, ...], tuple[str, ...]] | None = None
        self._complaints: set[tuple[object, ...]] = set()

    @property
    def changes(self) -> int:
        """How often the directory has changed."""
        return self._directory.changes

    def at_opening(self, profile: Profile, opened_at: datetime) -> Policy:
        """The first policy, by rank, whose conditions hold; else the default one. Of each the version in effect."""
        for policy_id in self._conditional():
            policy = self._in_effect(policy_id, opened_at)
            if policy is not None and policy.when.wanted and policy.when.hold_for(profile):
                return policy
        return self._in_effect(self._default_id, opened_at) or self._own(self._default_id)

    def find(self, policy_id: str, version: int) -> Policy | None:
        """That version and no other, None where there is none that can be used."""
        policy = self._exactly(policy_id, version)
        if policy is None:
            self._complain("policy_to_move_to_missing", policy=policy_id, version=version)
        return policy

    def policy(self, policy_id: str, version: int) -> Policy:
        """That version, or the next best where it is gone."""
        policy = self._exactly(policy_id, version)
        if policy is not None:
            return policy
        self._complain("policy_version_missing", policy=policy_id, version=version)
        for other in reversed(self._directory.versions(SlaPolicyDefined, policy_id)):
            policy = self._compiled(other)
            if policy is not None:
                return policy
        return self._own(policy_id)

    def calendar(self, calendar_id: str | None) -> BusinessCalendar:
        """The highest version, compiled once."""
        if calendar_id is None:
            return self._always
        defined = self._directory.get(CalendarDefined, calendar_id)
        known = self._calendars.get(calendar_id)
        if known is not None and (defined is None or known[0] is defined):
            return known[1]
        next_best = known[1] if known is not None else self._packaged_calendars.get(calendar_id, self._always)
        if defined is None:
            if calendar_id not in self._packaged_calendars:
                self._complain("calendar_missing", calendar=calendar_id)
            return next_best
        try:
            compiled = compile_calendar(defined, self._clock.now() if self._clock is not None else None)
        except InvalidCalendar as error:
            self._complain("calendar_refused", calendar=calendar_id, version=defined.version, reason=str(error))
            compiled = next_best
        self._calendars[calendar_id] = (defined, compiled)
        return compiled

    def _exactly(self, policy_id: str, version: int) -> Policy | None:
        defined = self._directory.get(SlaPolicyDefined, policy_id, version)
        policy = self._compiled(defined) if defined is not None else None
        if policy is not None:
            return policy
        own = self._packaged.get(policy_id)
        return own if own is not None and own.version == version else None

    def _conditional(self) -> tuple[str, ...]:
        """The ids of policies that may have conditions, by rank; sorted anew when the directory has others."""
        defined = self._directory.all(SlaPolicyDefined)
        if self._ranked is None or self._ranked[0] != defined:
            ranks = {
                policy.policy_id: policy.rank
                for policy in self._packaged.values()
                if policy.beside is None or policy.beside == self._default_id
            }
            for each in defined:
                policy = self._compiled(each)
                if policy is not None:
                    ranks[policy.policy_id] = policy.rank
            ranked = tuple(sorted(ranks, key=lambda policy_id: (ranks[policy_id], policy_id)))
            self._ranked = (defined, ranked)
        return self._ranked[1]

    def _in_effect(self, policy_id: str, opened_at: datetime) -> Policy | None:
        """The highest version that is in effect and can be used."""
        for defined in reversed(self._directory.versions(SlaPolicyDefined, policy_id)):
            policy = self._compiled(defined)
            if policy is not None and _in_effect(defined, policy, opened_at):
                return policy
        own = self._packaged.get(policy_id)
        since_us = own.effective_from_us if own is not None else None
        return own if since_us is None or to_datetime(since_us) <= opened_at else None

    def _own(self, policy_id: str) -> Policy:
        if policy_id not in self._packaged:
            self._complain("policy_missing", policy=policy_id)
        return self._packaged.get(policy_id, self._packaged[STANDARD])

    def _compiled(self, defined: SlaPolicyDefined) -> Policy | None:
        """The policy that a directory entry defines, None if it can't be used."""
        key = (defined.policy_id, defined.version)
        known = self._policies.get(key)
        if known is not None and known[0] is defined:
            return known[1]
        policy: Policy | None = None
        try:
            policy = compile_policy(defined)
        except InvalidPolicy as error:
            self._complain("policy_refused", policy=key[0], version=key[1], reason=str(error))
        self._policies[key] = (defined, policy)
        return policy

    def _complain(self, action: str, **fields: object) -> None:
        complaint = (action, *fields.values())
        if complaint not in self._complaints:
            if len(self._complaints) >= COMPLAINTS_MAX:
                self._complaints.clear()
            self._complaints.add(complaint)
            log.warning(action, **fields)


def compile_policy(defined: SlaPolicyDefined) -> Policy:
    """The policy of a directory entry.

    Raises:
        InvalidPolicy: its definition can't be used, or is that of another policy or version.
    """
    policy = policy_of(defined.definition, defined.policy_id)
    if (policy.policy_id, policy.version) != (defined.policy_id, defined.version):
        raise InvalidPolicy(f"the definition is that of {policy.policy_id} version {policy.version}")
    return policy


def compile_calendar(defined: CalendarDefined, loaded_at: datetime | None = None) -> BusinessCalendar:
    """The calendar of a directory entry; `loaded_at` is when, None not to ask whether it ever opens after that.

    Raises:
        InvalidCalendar: it can't be used, or has no weekly hours or nothing open in the year after it is loaded.
    """
    hours = parse_calendar(
        {
            "version": defined.version,
            "timezone": defined.timezone,
            "hours": defined.hours,
            "holidays": defined.holidays,
            "overrides": defined.overrides,
        }
    )
    calendar = BusinessCalendar(hours)
    check_opens(calendar, from_datetime(loaded_at) if loaded_at is not None else 0)
    return calendar


def _in_effect(defined: SlaPolicyDefined, policy: Policy, opened_at: datetime) -> bool:
    stated = policy.effective_from_us
    effective_from = defined.effective_from or (to_datetime(stated) if stated is not None else None)
    return effective_from is None or effective_from <= opened_at
