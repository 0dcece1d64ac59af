"""The terms of both sides: production's own, and production's own with the proposal in the directory.

The proposal is put into a second directory as the newest version of the policy that it replaces, in effect always.
Which tickets go by it is then decided by the very code that decides in production.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from pydantic import ValidationError

from schemas import envelope
from schemas.contract import Contract, replace
from schemas.directory import CalendarDefined, SlaPolicyDefined
from schemas.topics import DIRECTORY
from services._runtime.directory.directory import Directory, record_key
from services.sla_monitor.adapters.packaged import packaged_calendars, packaged_policies, policy_of
from services.sla_monitor.adapters.terms import DirectoryTerms, compile_calendar
from services.sla_monitor.domain.calendar import InvalidCalendar
from services.sla_monitor.domain.instants import EPOCH
from services.sla_monitor.domain.policy import ALWAYS_ID, Policy
from services.sla_monitor.settings import PolicySettings

_SCOPE: Final = "what-if"
_POLICIES: Final = DIRECTORY["sla_policies"].name
_CALENDARS: Final = DIRECTORY["calendars"].name


class InvalidProposal(ValueError):  # noqa: N818 - says what the proposal is
    """A proposal that no ticket would go by, or that can't be used; the message says why."""


class Proposal(NamedTuple):
    """A proposed policy with its text, and calendars to go with it. `replaces` is the id of today's policy."""

    policy: Policy
    replaces: str
    text: str
    calendars: tuple[CalendarDefined, ...] = ()


class Sides(NamedTuple):
    """Which policy and calendar a ticket has, now and then."""

    now: DirectoryTerms
    then: DirectoryTerms


def read_proposal(policy_path: Path, calendar_paths: list[Path], replaces: str | None) -> Proposal:
    """Read and check the files.

    Raises:
        InvalidPolicy, InvalidCalendar: with the file's name and what is wrong.
        OSError: a file can't be read.
    """
    text = policy_path.read_text("utf-8")
    policy = policy_of(text, policy_path.name)
    calendars = tuple(_calendar(path) for path in calendar_paths)
    return Proposal(policy, replaces or policy.policy_id, text, calendars)


def sides_of(proposal: Proposal, directory: Directory, settings: PolicySettings) -> Sides:
    """Both sides' terms. `directory` is today's; it is copied, not changed.

    Raises:
        InvalidProposal: no ticket can go by it, or a calendar of it is unknown.
    """
    known = {settings.sla_policy, *packaged_policies(), *(each.policy_id for each in directory.all(SlaPolicyDefined))}
    if proposal.replaces not in known and not proposal.policy.when.wanted:
        raise InvalidProposal(
            f"no ticket would go by {proposal.replaces!r}, which has no conditions: say which policy it replaces with "
            f"--instead-of ({', '.join(sorted(known))})"
        )
    proposed = Directory()
    for policy in directory.all(SlaPolicyDefined):
        for each in directory.versions(SlaPolicyDefined, policy.policy_id):
            _put(proposed, _POLICIES, each)
    for defined in directory.all(CalendarDefined):
        _put(proposed, _CALENDARS, defined)
    for calendar in proposal.calendars:
        newest = directory.get(CalendarDefined, calendar.calendar_id)
        version = max(calendar.version, newest.version + 1 if newest is not None else 1)
        _put(proposed, _CALENDARS, replace(calendar, version=version))
    _look_for_calendars(proposal, proposed)
    _put(proposed, _POLICIES, _in_effect_always(proposal, directory))
    return Sides(DirectoryTerms(directory, settings), DirectoryTerms(proposed, settings))


def _in_effect_always(proposal: Proposal, directory: Directory) -> Contract:
    """The proposal as the newest version of the policy that it replaces."""
    known = [defined.version for defined in directory.versions(SlaPolicyDefined, proposal.replaces)]
    own = packaged_policies().get(proposal.replaces)
    version = max([*known, own.version if own is not None else 0, proposal.policy.version - 1]) + 1
    form = yaml.safe_load(proposal.text)
    form |= {"policy_id": proposal.replaces, "version": version}
    form.pop("effective_from", None)
    definition = yaml.safe_dump(form, sort_keys=False, allow_unicode=True)
    return SlaPolicyDefined.new(policy_id=proposal.replaces, version=version, definition=definition)


def _look_for_calendars(proposal: Proposal, directory: Directory) -> None:
    policy = proposal.policy
    named = {policy.calendar_id, *(calendar_id for _, calendar_id in policy.calendars)}
    named |= {target.calendar_id for by_name in policy.targets.values() for target in by_name.values()}
    for calendar_id in sorted(named - {None, ALWAYS_ID, *packaged_calendars()}, key=str):
        if calendar_id is not None and directory.get(CalendarDefined, calendar_id) is None:
            raise InvalidProposal(f"its calendar {calendar_id!r} is unknown: give it with --calendar")


def _calendar(path: Path) -> CalendarDefined:
    try:
        form: Any = yaml.safe_load(path.read_text("utf-8"))
        form["overrides"] = {_day(day): intervals for day, intervals in (form.get("overrides") or {}).items()}
        form["holidays"] = [_day(day) for day in form.get("holidays") or []]
        calendar = CalendarDefined.closed_validate({"version": 1, **form}).to_struct()
        compile_calendar(calendar)
    except (yaml.YAMLError, ValidationError, InvalidCalendar, AttributeError, TypeError) as error:
        raise InvalidCalendar(f"{path.name}: {error}") from error
    return calendar


def _day(day: object) -> str:
    return day.isoformat() if isinstance(day, date) else str(day)


def _put(directory: Directory, topic: str, data: Contract) -> None:
    key = record_key(data)
    value = envelope.encode(
        type_name=envelope.type_name_of(data),
        event_id=key,
        source=f"/aftercare/{_SCOPE}",
        time=EPOCH,
        subject=key,
        tenant=_SCOPE,
        data=data,
    )
    directory.apply(topic, key, value)
