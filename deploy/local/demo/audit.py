"""Whether the topics account for everything that the clients were promised, and nothing else."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from deploy.local.demo.books import OVER, Books, Fact, Life
from deploy.local.demo.claims import Claims

_NODES: Final = {
    "opened": "opened",
    "assigned": "assigned",
    "accepted": "in_progress",
    "agent_replied": "replied",
    "resolved": "resolved",
    "closed": "closed",
    "reopened": "reopened",
    "survey_offered": "survey_offered",
    "escalated": "escalated",
}
"""At which node the requester hears of each type of event."""
_ADD_MESSAGE: Final = "add_customer_message"


class Finding(NamedTuple):
    """Something that is not as it should be; `ticket_id` is what the clients called it where there is no ticket."""

    ticket_id: str
    problem: str


def audit(claims: Claims, books: Books, *, lives_end: bool = True) -> list[Finding]:
    """Return what is unaccounted for; empty when each request was one ticket and each ticket came to its end.

    Args:
        claims: what the clients were promised.
        books: what the topics say.
        lives_end: False leaves out what holds only once everything is over.
    """
    with books.lock:
        ticket_of = _tickets_by_request(books)
        findings = [
            *_requests(claims, books, ticket_of),
            *_sequences(books),
            *_messages(claims, books),
            *_commands(claims, books),
            *(Finding("", text) for text in claims.strayed),
        ]
        if lives_end:
            findings += [*_ends(books), *_deliveries(books), *_told(books), *_loads(books), *_ratings(claims, books)]
        return findings


def _tickets_by_request(books: Books) -> dict[tuple[str, str], list[str]]:
    """Return the tickets that each message opened, by channel and the channel's id of it."""
    found: dict[tuple[str, str], list[str]] = {}
    for ticket_id, life in books.lives.items():
        for opened in life.of("opened"):
            found.setdefault((opened.data["channel"], opened.data["external_id"]), []).append(ticket_id)
    return found


def _requests(claims: Claims, books: Books, ticket_of: dict[tuple[str, str], list[str]]) -> Iterator[Finding]:
    promised: set[str] = set()
    for claim in claims.accepted:
        if claim.ticket_id:
            tickets = [claim.ticket_id] if books.lives[claim.ticket_id].of("opened") else []
        else:
            tickets = ticket_of.get((claim.channel, claim.external_id), [])
        name = claim.ticket_id or claim.external_id
        if len(tickets) != 1:
            yield Finding(name, f"accepted on {claim.channel}, and is {len(tickets)} tickets")
        if not promised.isdisjoint(tickets):
            yield Finding(name, "two accepted requests became this one ticket")
        promised.update(tickets)
    for ticket_id, life in books.lives.items():
        openings = len(life.of("opened"))
        if openings != 1:
            yield Finding(ticket_id, f"was opened {openings} times")
        elif ticket_id not in promised:
            yield Finding(ticket_id, "nobody has asked for it")


def _sequences(books: Books) -> Iterator[Finding]:
    for ticket_id, life in books.lives.items():
        sequences = [int(fact.data["sequence"]) for fact in life.facts]
        if sequences != list(range(1, len(sequences) + 1)):
            yield Finding(ticket_id, f"its sequence has holes or repetitions: {sequences}")


def _messages(claims: Claims, books: Books) -> Iterator[Finding]:
    for message in claims.messages:
        life = books.lives[message.ticket_id]
        noted = sum(f"({message.mark})" in fact.data["body"] for fact in life.of("customer_replied"))
        refused = any(_ADD_MESSAGE in fact.data["command"] for fact in life.of("command_refused"))
        if noted != 1 and not (noted == 0 and refused):
            yield Finding(message.ticket_id, f"the message {message.mark} was accepted and is there {noted} times")


def _commands(claims: Claims, books: Books) -> Iterator[Finding]:
    for command in claims.commands:
        facts = books.lives[command.ticket_id].facts
        if not any(command.command_id in {fact.data["cause"], fact.data.get("command_id")} for fact in facts):
            yield Finding(command.ticket_id, f"{command.action} was accepted and neither carried out nor refused")


def _ends(books: Books) -> Iterator[Finding]:
    for ticket_id, life in books.lives.items():
        if life.status not in OVER:
            yield Finding(ticket_id, f"is {life.status or 'unknown'}{_whose(life)}, not closed")


def _whose(life: Life) -> str:
    return f" with {life.technician_id}" if life.technician_id else ""


def _deliveries(books: Books) -> Iterator[Finding]:
    for delivery_id, delivery in books.deliveries.items():
        if (outcomes := len(books.outcomes.get(delivery_id, []))) != 1:
            yield Finding(
                delivery.ticket_id, f"the {delivery.node} mail to the {delivery.role} has {outcomes} outcomes"
            )


def _told(books: Books) -> Iterator[Finding]:
    """Say whose customer did not hear of something; not told on purpose counts as told, with its reason."""
    for ticket_id, life in books.lives.items():
        for node in dict.fromkeys(_NODES[fact.kind] for fact in life.facts if fact.kind in _NODES):
            if (ticket_id, node, "requester") not in books.told:
                yield Finding(ticket_id, f"nothing says whether the customer was told that it was {node}")


def _loads(books: Books) -> Iterator[Finding]:
    held, loads = books.held_by(), books.loads()
    for technician_id in sorted({*held, *loads}):
        for ticket_id in held.get(technician_id, set()) ^ loads.get(technician_id, set()):
            side = "weighs on" if ticket_id in loads.get(technician_id, set()) else "is no load of"
            yield Finding(ticket_id, f"{side} {technician_id}, unlike its events say")


def _ratings(claims: Claims, books: Books) -> Iterator[Finding]:
    for answer in claims.answers:
        rated = books.lives[answer.ticket_id].of("rated")
        if not any(fact.data.get("csat") == answer.csat for fact in rated):
            yield Finding(answer.ticket_id, f"the rating {answer.csat} was accepted and is not on the ticket")
    for ticket_id, facts in books.feedback.items():
        wanted = _count(facts, "review_requested", reopen=True)
        reopened = len(books.lives[ticket_id].of("reopened"))
        if wanted > reopened:
            yield Finding(ticket_id, "a low rating was to reopen it, and did not")


def _count(facts: Iterable[Fact], kind: str, *, reopen: bool) -> int:
    return sum(fact.kind == kind and fact.data.get("reopen") is reopen for fact in facts)
