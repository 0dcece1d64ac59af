"""`python -m services.sla_monitor explain`: cases in, one JSON line each; what the clocks say and why.

A case has the form of shared/sla-cases.jsonl: `calendar` (null is 24/7), `targets` by priority, `events` in time
order and `now`. The answer is `{"id": …, "targets": {name: report}}`, or `{"id": …, "error": reason}` for a case that
is refused; one refused case doesn't stop the others. Instants are RFC 3339 in UTC, spans are seconds. Verdicts are
those of `domain.targets.evaluate`, which decides in production too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from services.sla_monitor.domain import facts as f
from services.sla_monitor.domain.calendar import BusinessCalendar, InvalidCalendar, parse_calendar
from services.sla_monitor.domain.facts import Fact, ordered
from services.sla_monitor.domain.instants import InvalidInstant, from_text, to_seconds, to_text
from services.sla_monitor.domain.policy import InvalidPolicy, parse_targets
from services.sla_monitor.domain.targets import TargetReport, evaluate

MAX_EVENTS: Final = 10_000
MAX_SEGMENTS: Final = 200
"""Open stretches listed a target; how many were left off is said."""

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
    reports = evaluate(_facts(case["events"]), targets, calendar, from_text(case["now"]))
    return {name: _rendered(report, calendar) for name, report in reports.items()}


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


def _rendered(report: TargetReport, calendar: BusinessCalendar) -> dict[str, Any]:
    """A report as JSON has it, with the open stretches that were consumed and the pauses."""
    segments: list[dict[str, str]] = []
    segments_left_off = False
    for span in report.spans:
        if span.status is None:
            room = MAX_SEGMENTS - len(segments)
            for number, opened in enumerate(calendar.spans(span.start_us, span.stop_us, room + 1)):
                segments_left_off = number == room
                if not segments_left_off:
                    segments.append({"start": to_text(opened.start_us), "end": to_text(opened.stop_us)})
    return {
        **_verdict(report),
        "segments": segments,
        "segments_left_off": segments_left_off,
        "pauses": [
            {"start": to_text(span.start_us), "end": to_text(span.stop_us), "status": span.status}
            for span in report.spans
            if span.status is not None
        ],
        "earlier_cycles": [_verdict(earlier) for earlier in report.earlier],
    }


def _verdict(report: TargetReport) -> dict[str, Any]:
    verdict = {
        "state": report.state,
        "due_at": _text(report.due_us),
        "elapsed_seconds": to_seconds(report.elapsed_us),
        "remaining_seconds": to_seconds(report.remaining_us),
        "budget_seconds": to_seconds(report.budget_us),
        "priority": report.priority,
        "cycle": report.cycle,
        "generation": report.generation,
        "started_at": to_text(report.started_us),
        "stopped_at": _text(report.stopped_us),
    }
    if report.superseded_us is not None:
        return {**verdict, "superseded_at": to_text(report.superseded_us)}
    return {**verdict, "earlier_generations": [_verdict(superseded) for superseded in report.superseded]}


def _text(at_us: int | None) -> str | None:
    return None if at_us is None else to_text(at_us)
