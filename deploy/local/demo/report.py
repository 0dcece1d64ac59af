"""What the loop came to: the numbers, as JSON and as a table, and whether it may pass."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from deploy.local.demo.audit import Finding
from deploy.local.demo.books import Books, Fact
from deploy.local.demo.claims import Claims

FINDINGS_SHOWN: Final = 20
_LISTED: Final = {
    "by_event_type": "",
    "client_troubles": "client",
    "duplicate_ids": "WRITTEN TWICE",
    "dead_letter_notes": "DEAD LETTER",
}
"""Numbers that are no line of the table, and what their entries are announced with."""


@dataclass(frozen=True)
class Report:
    """The numbers and what is wrong. `wanting` names what the demo must show and did not."""

    numbers: dict[str, Any]
    findings: tuple[Finding, ...]
    wanting: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Tell whether everything is accounted for and the loop has shown what it is to show."""
        nothing_wrong = not self.findings and not self.wanting
        return nothing_wrong and not self.numbers["duplicate_event_ids"] and not self.numbers["dead_letters"]


def report_of(claims: Claims, books: Books, findings: Sequence[Finding], more: dict[str, Any]) -> Report:
    """Return the report; `more` are numbers that others know (times, mails found, retries)."""
    with books.lock:
        types = dict(sorted(books.by_type.items()))
        outcomes = [kind for each in books.outcomes.values() for kind, _ in each]
        numbers: dict[str, Any] = {
            "requests_accepted": len(claims.accepted),
            "requests_repeated": claims.repeated,
            "customer_messages": len(claims.messages),
            "commands_accepted": len(claims.commands),
            "automatic_mails_ignored": claims.automatic_mails,
            "tickets_opened": len(books.reached["opened"]),
            "tickets_closed": books.statuses()["closed"],
            "tickets_cancelled": books.statuses()["cancelled"],
            "tickets_merged": books.statuses()["merged"],
            "reopened": books.count("ticket.reopened"),
            "declined": books.count("ticket.declined"),
            "commands_refused": books.count("ticket.command_refused"),
            "by_channel": dict(sorted(books.opened_by_channel.items())),
            "by_event_type": types,
            "warnings": books.count("sla.target_warned"),
            "breaches": books.count("sla.target_breached"),
            "escalations": books.count("ticket.escalated"),
            "notifications_sent": outcomes.count("sent"),
            "notifications_not_sent": {kind: outcomes.count(kind) for kind in sorted(set(outcomes) - {"sent"})},
            "surveys_offered": books.count("ticket.survey_offered"),
            "ratings": books.count("ticket.rated"),
            "unaccounted": len({finding.ticket_id for finding in findings}),
            "duplicate_event_ids": len(books.duplicate_ids()),
            "dead_letters": len(books.dead_letters),
            "accepted_to_assigned_ms": latencies(claims, books, "written"),
            "accepted_to_assigned_seen_ms": latencies(claims, books, "seen"),
            "pages_opened": dict(sorted(claims.pages_seen.items())),
            "records_read": books.records,
            "gateway_repeats": books.gateway_repeats(),
            "duplicate_ids": books.duplicate_ids()[:FINDINGS_SHOWN],
            "dead_letter_notes": [_note(letter) for letter in books.dead_letters[:FINDINGS_SHOWN]],
            "client_troubles": list(claims.troubles),
            **more,
        }
    must_show = {"breach": "breaches", "escalation": "escalations", "rating": "ratings"}
    wanting = tuple(name for name, number in must_show.items() if not numbers[number])
    return Report(numbers, tuple(findings), wanting)


def latencies(claims: Claims, books: Books, until: str) -> dict[str, float]:
    """Return p50 and p99 in milliseconds, from the client's 202 to the ticket's first `TicketAssigned`.

    Args:
        claims: when each 202 came.
        books: what the topics say.
        until: "written" is Kafka's timestamp of the event, "seen" when a read_committed reader had it, "decided" what
            the event itself says.
    """
    accepted = {claim.ticket_id: claim.at_ms for claim in claims.accepted if claim.ticket_id}
    assigned = books.assigned_ms(accepted)
    return spread(_moment_ms(fact, until) - accepted[ticket_id] for ticket_id, fact in assigned.items())


def _moment_ms(fact: Fact, until: str) -> float:
    if until == "decided":
        return datetime.fromisoformat(fact.data["decided_at"]).timestamp() * 1_000
    return fact.seen_ms if until == "seen" else float(fact.written_ms)


def spread(spans: Iterable[float]) -> dict[str, float]:
    """Return p50, p99 and the maximum of some spans."""
    ordered = sorted(spans)
    return {"p50": percentile(ordered, 50), "p99": percentile(ordered, 99), "max": percentile(ordered, 100)}


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the value below which `percent` of the ordered values lie (nearest rank), 0 where there are none."""
    if not ordered:
        return 0.0
    place = -(-percent * len(ordered) // 100)
    return round(ordered[max(0, place - 1)], 1)


def show(report: Report, console: Console, *, addresses: Iterable[str], logs: str) -> None:
    """Print the summary."""
    table = Table(title="Aftercare: the loop", show_header=False, title_justify="left")
    for name, value in report.numbers.items():
        if name not in _LISTED:
            table.add_row(name.replace("_", " "), _text(value))
    console.print(table)
    for address in addresses:
        console.print(address, soft_wrap=True, highlight=False)
    for name, announced in _LISTED.items():
        for entry in report.numbers[name][:FINDINGS_SHOWN] if announced else ():
            console.print(f"{announced}: {entry}", soft_wrap=True, markup=False)
    if report.passed:
        console.print("[bold green]every request is one ticket, and every ticket came to its end[/]")
        return
    for finding in report.findings[:FINDINGS_SHOWN]:
        console.print(f"NOT ACCOUNTED FOR {finding.ticket_id}: {finding.problem}", soft_wrap=True, markup=False)
    if len(report.findings) > FINDINGS_SHOWN:
        console.print(f"… and {len(report.findings) - FINDINGS_SHOWN} more")
    for name in report.wanting:
        console.print(f"there was no {name}")
    console.print(f"logs: {logs}", soft_wrap=True)


def _note(letter: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {letter[name]}" for name in ("topic", "processor", "key", "error", "message") if name in letter
    )


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name} {_text(each)}" for name, each in value.items()) or "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
