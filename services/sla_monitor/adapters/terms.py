"""Under which policy and calendar tickets run: the directory's, else the product's own.

A clock never stops for want of terms. What the directory says and can't be used is told in the log, once, and the next
best is taken: another version of the same policy, the packaged one, `cn-standard`; of a calendar the last one that
could be used, the packaged one, 24/7. Each event on `ticket.sla` says which policy decided it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from schemas.directory import CalendarDefined, SlaPolicyDefined
from services._runtime.clock import Clock
from services._runtime.directory.directory import Directory
from services._runtime.logs import get_logger
from services.sla_monitor.adapters.packaged import STANDARD, packaged_calendars, packaged_policies, policy_of
from services.sla_monitor.domain.calendar import ALWAYS, BusinessCalendar, InvalidCalendar, check_opens
from services.sla_monitor.domain.calendar_form import parse_calendar
from services.sla_monitor.domain.conditions import Profile
from services.sla_monitor.domain.instants import from_datetime, to_datetime
from services.sla_monitor.domain.policy import InvalidPolicy, Policy
from services.sla_monitor.settings import PolicySettings

COMPLAINTS_MAX: Final = 1_000
"""Complaints remembered, so that each is made once; beyond that they repeat."""

log = get_logger(__name__)


class _Choice(NamedTuple):
    """The usable versions of one policy, the highest first, each with when it takes effect (None: always)."""

    versions: tuple[tuple[datetime | None, Policy], ...]
    is_default: bool = False

    def in_effect(self, at: datetime) -> Policy | None:
        """The highest version that is in effect."""
        return next((policy for since, policy in self.versions if since is None or since <= at), None)


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
        self._choices: tuple[_Choice, ...] = ()
        self._choices_of = -1
        self._complaints: set[tuple[object, ...]] = set()

    @property
    def changes(self) -> int:
        """How often the directory has changed."""
        return self._directory.changes

    def at_opening(self, profile: Profile, opened_at: datetime) -> Policy:
        """The first policy, by rank, whose conditions hold; else the default one. Of each the version in effect."""
        for choice in self._ready():
            policy = choice.in_effect(opened_at)
            if policy is not None and (choice.is_default or (policy.when.wanted and policy.when.hold_for(profile))):
                return policy
        return self._own(self._default_id)

    def default(self, now: datetime) -> Policy:
        """The default policy: its version in effect, else the product's own."""
        return self._ready()[-1].in_effect(now) or self._own(self._default_id)

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

    def _ready(self) -> tuple[_Choice, ...]:
        """What `_ranked` put together for the directory as it is."""
        if self._choices_of != self._directory.changes:
            self._choices_of = self._directory.changes
            self._choices = self._ranked()
        return self._choices

    def _ranked(self) -> tuple[_Choice, ...]:
        """The policies among which a new ticket's is found, by rank, with the default one behind them.

        Put together anew when the directory changes: openings are many, and ask for it each.
        """
        ranks = {
            policy.policy_id: policy.rank
            for policy in self._packaged.values()
            if policy.beside is None or policy.beside == self._default_id
        }
        for each in self._directory.all(SlaPolicyDefined):
            policy = self._compiled(each)
            if policy is not None:
                ranks[policy.policy_id] = policy.rank
        ranked = sorted(ranks, key=lambda policy_id: (ranks[policy_id], policy_id))
        choices = [_Choice(tuple(self._usable(policy_id))) for policy_id in ranked]
        conditional = [each for each in choices if any(policy.when.wanted for _, policy in each.versions)]
        return (*conditional, _Choice(tuple(self._usable(self._default_id)), is_default=True))

    def _usable(self, policy_id: str) -> Iterator[tuple[datetime | None, Policy]]:
        """The versions of a policy that can be used, the highest first and the packaged one last, and since when."""
        for defined in reversed(self._directory.versions(SlaPolicyDefined, policy_id)):
            policy = self._compiled(defined)
            if policy is not None:
                yield defined.effective_from or _stated(policy), policy
        own = self._packaged.get(policy_id)
        if own is not None:
            yield _stated(own), own

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


def _stated(policy: Policy) -> datetime | None:
    """Since when a policy counts by its own word, None: always."""
    return to_datetime(policy.effective_from_us) if policy.effective_from_us is not None else None
