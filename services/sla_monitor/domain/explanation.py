"""What the clocks of a ticket say and why, as JSON has it: for `explain` and for `GET /v1/tickets/{id}/sla` alike."""

from __future__ import annotations

from typing import Any, Final

from services.sla_monitor.domain.calendar import AnyCalendar, BusinessCalendar
from services.sla_monitor.domain.facts import NO_PAST, Fact, Past
from services.sla_monitor.domain.instants import to_seconds, to_text
from services.sla_monitor.domain.policy import Rules, Targets
from services.sla_monitor.domain.targets import TargetReport, evaluate

MAX_SEGMENTS: Final = 200
"""Open stretches listed a target; whether some were left off is said."""


def explanation(
    facts: tuple[Fact, ...], targets: Targets | Rules, calendar: AnyCalendar, now_us: int, past: Past = NO_PAST
) -> dict[str, dict[str, Any]]:
    """The latest cycle of each target by name, with its open stretches, pauses, earlier generations and cycles.

    Instants are RFC 3339 in UTC, spans seconds. Arguments and errors are those of `targets.evaluate`.
    """
    reports = evaluate(facts, targets, calendar, now_us, past)
    return {name: _rendered(report, calendar.of(report.calendar_id)) for name, report in reports.items()}


def _rendered(report: TargetReport, calendar: BusinessCalendar) -> dict[str, Any]:
    """A report as JSON has it, with the open stretches that were consumed and the pauses."""
    segments: list[dict[str, str]] = []
    segments_left_off = False
    for span in report.spans:
        if span.status is None:
            room = MAX_SEGMENTS - len(segments)
            for number, (opened_us, closed_us) in enumerate(calendar.spans(span.start_us, span.stop_us, room + 1)):
                segments_left_off = number == room
                if not segments_left_off:
                    segments.append({"start": to_text(opened_us), "end": to_text(closed_us)})
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
