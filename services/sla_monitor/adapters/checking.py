"""`python -m services.sla_monitor check FILE…`: policies and calendars, refused with file, line and reason."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from services.sla_monitor.adapters.located import described, line_of, read_yaml
from services.sla_monitor.domain.calendar import BusinessCalendar, InvalidCalendar, check_opens
from services.sla_monitor.domain.calendar_form import parse_calendar
from services.sla_monitor.domain.instants import from_datetime
from services.sla_monitor.domain.policy import InvalidPolicy, Policy, parse_policy

_CALENDARS_ONLY: Final = frozenset({"hours", "timezone", "holidays", "overrides"})


def check_files(paths: Iterable[Path], now: datetime) -> tuple[list[str], bool]:
    """A line for each file, in order, and whether all of them can be used. `now`: when the files are loaded."""
    lines, fine = [], True
    for path in paths:
        try:
            lines.append(f"{path}: {check_text(path.read_text('utf-8'), str(path), now)}")
        except (InvalidPolicy, InvalidCalendar) as error:
            lines.append(str(error))
            fine = False
        except (OSError, UnicodeDecodeError) as error:
            lines.append(f"{path}: {error}")
            fine = False
    return lines, fine


def check_text(text: str, name: str, now: datetime) -> str:
    """What a text defines, in words.

    Raises:
        InvalidPolicy, InvalidCalendar: it can't be used; the message is `name:line: reason`.
    """
    data = data_of(text, name)
    if isinstance(data, dict) and _CALENDARS_ONLY & set(data):
        try:
            hours = parse_calendar(data)
            check_opens(BusinessCalendar(hours), from_datetime(now))
        except InvalidCalendar as error:
            raise InvalidCalendar(f"{name}:{line_of(text, error.path)}: {error}", error.path) from error
        return f"calendar {data.get('calendar_id')}, version {hours.version}"
    policy = policy_in(data, text, name)
    return f"policy {policy.policy_id}, version {policy.version}"


def data_of(text: str, name: str) -> Any:
    """The data of a YAML text.

    Raises:
        InvalidPolicy: it is none; the message is `name:line: reason`.
    """
    try:
        return read_yaml(text)
    except yaml.YAMLError as error:
        line, reason = described(error)
        raise InvalidPolicy(f"{name}:{line}: {reason}") from error
    except RecursionError as error:
        raise InvalidPolicy(f"{name}:1: nested too deeply") from error


def policy_in(data: Any, text: str, name: str) -> Policy:
    """The policy that data defines.

    Raises:
        InvalidPolicy: it can't be used; the message is `name:line: reason`.
    """
    try:
        return parse_policy(data)
    except InvalidPolicy as error:
        raise InvalidPolicy(f"{name}:{line_of(text, error.path)}: {error}", error.path) from error
