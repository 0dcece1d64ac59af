"""`python -m services.sla_monitor explain`: cases in, one JSON line each; what the clocks say and why.

A case has the form of shared/sla-cases.jsonl: `calendar` (null is 24/7), `targets` by priority, `events` in time
order and `now`. The answer is `{"id": …, "targets": {name: report}}`, or `{"id": …, "error": reason}` for a case that
is refused; one refused case doesn't stop the others. Instants are RFC 3339 in UTC, spans are seconds. Verdicts are
those of `domain.targets.evaluate`, which decides in production too, in the words of `domain.explanation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.calendar import BusinessCalendar, InvalidCalendar
from services.sla_monitor.domain.calendar_form import parse_calendar
from services.sla_monitor.domain.explanation import explanation
from services.sla_monitor.domain.facts import Fact, ordered
from services.sla_monitor.domain.instants import InvalidInstant, from_text
from services.sla_monitor.domain.policy import InvalidPolicy, parse_targets

MAX_EVENTS: Final = 10_000

_VALUE_FIELDS: Final = {f.OPENED: "priority", f.STATUS: "to", f.PRIORITY: "to"}
_REQUIRED: Final = frozenset({"calendar", "targets", "events", "now"})


class InvalidCase(ValueError):  # noqa: N818 - says what the case is
    """A case that can't be judged; the message gives the reason."""


def explain_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """One JSON line for each line that isn't blank, in order, without line ends."""
    for line in lines:
        if line.strip():
            yield msgspec.json.encode(_explain_line(line))


def explain(case: Mapping[str, Any]) -> dict[str, Any]:
    """The reports of one case by target.

    Raises:
        InvalidCase: a missing field, an unknown event type, an event without its value, no opening or two.
        InvalidCalendar, InvalidPolicy, InvalidInstant: as their modules say.
    """
    missing = sorted(_REQUIRED - set(case))
    if missing:
        raise InvalidCase(f"the case has no {', '.join(missing)}")
    calendar = BusinessCalendar(parse_calendar(case["calendar"]))
    targets = parse_targets(case["targets"])
    return explanation(_facts(case["events"]), targets, calendar, from_text(case["now"]))


def _explain_line(line: bytes) -> dict[str, Any]:
    case_id = None
    try:
        case = msgspec.json.decode(line, type=dict[str, Any])
        case_id = case.get("id")
        return {"id": case_id, "targets": explain(case)}
    except msgspec.MsgspecError as error:
        return {"id": case_id, "error": f"not a JSON object: {error}"}
    except UnicodeDecodeError as error:
        return {"id": case_id, "error": f"not UTF-8: {error}"}
    except RecursionError:
        return {"id": case_id, "error": "nested too deeply"}
    except (InvalidCase, InvalidCalendar, InvalidPolicy, InvalidInstant) as error:
        return {"id": case_id, "error": str(error)}


def _facts(events: object) -> tuple[Fact, ...]:
    if not isinstance(events, list) or len(events) > MAX_EVENTS:
        raise InvalidCase(f"events is a list of at most {MAX_EVENTS}")
    facts = [_fact(place, event) for place, event in enumerate(events, start=1)]
    openings = sum(fact.kind == f.OPENED for fact in facts)
    if openings != 1:
        raise InvalidCase(f"a ticket is opened once, not {openings} times")
    return ordered(facts)


def _fact(place: int, event: object) -> Fact:
    if not isinstance(event, Mapping):
        raise InvalidCase(f"event {place} is an object, got {type(event).__name__}")
    kind = event.get("type")
    if kind not in f.KINDS:
        raise InvalidCase(f"event {place}: unknown type {kind!r}")
    field = _VALUE_FIELDS.get(kind)
    value = event.get(field) if field is not None else None
    if field is not None and not (isinstance(value, str) and value):
        raise InvalidCase(f"event {place}: {kind} has no {field}")
    try:
        return Fact(from_text(event.get("at")), place, kind, value)
    except InvalidInstant as error:
        raise InvalidInstant(f"event {place}: {error}") from None
