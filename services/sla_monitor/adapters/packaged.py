"""The policies and calendars that come with the product, from their YAML files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from services.sla_monitor.adapters.checking import data_of, policy_in
from services.sla_monitor.domain.calendar import CalendarHours, InvalidCalendar
from services.sla_monitor.domain.calendar_form import parse_calendar
from services.sla_monitor.domain.policy import Policy

_PACKAGE: Final = Path(__file__).parent.parent
STANDARD: Final = "cn-standard"
"""The policy that there always is; it runs 24/7 and needs no calendar."""


def packaged_policies() -> dict[str, Policy]:
    """Policies by id.

    Raises:
        InvalidPolicy: a file can't be used; the message names it.
    """
    policies = (policy_of(path.read_text("utf-8"), path.name) for path in sorted(_PACKAGE.glob("policies/*.yaml")))
    return {policy.policy_id: policy for policy in policies}


def packaged_calendars() -> dict[str, CalendarHours]:
    """Calendars by id.

    Raises:
        InvalidCalendar: a file can't be used; the message names it.
    """
    found: dict[str, CalendarHours] = {}
    for path in sorted(_PACKAGE.glob("calendars/*.yaml")):
        form = data_of(path.read_text("utf-8"), path.name)
        try:
            found[form["calendar_id"]] = parse_calendar(form)
        except (InvalidCalendar, KeyError, TypeError) as error:
            raise InvalidCalendar(f"{path.name}: {error}") from error
    return found


def policy_of(text: str, name: str) -> Policy:
    """The policy that a YAML text defines; `name` is what the text is called in messages.

    Raises:
        InvalidPolicy: it is no YAML, or no usable policy; the message is `name:line: reason`.
    """
    return policy_in(data_of(text, name), text, name)
