"""What the topics say of each ticket: kept as read, counted for the live view, and looked at by the audit."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from deploy.local.demo.reader import Record

HELD: Final = frozenset({"assigned", "in_progress", "pending", "on_hold", "in_review"})
"""Statuses in which a ticket is a technician's."""
GATEWAYS: Final = frozenset({"ticket.commands"})
"""Where gateways write as well: a call that is made again comes again, under the same id, and is carried out once."""
OVER: Final = frozenset({"closed", "cancelled", "merged"})


class Fact(NamedTuple):
    """One event of a ticket: its type without prefix and version (`opened`), its payload, and when it was there."""

    kind: str
    data: dict[str, Any]
    written_ms: int
    seen_ms: float


class Delivery(NamedTuple):
    """A delivery that the notifier asked for."""

    ticket_id: str
    node: str
    role: str
    address: str


@dataclass
class Life:
    """A ticket as its events tell it, in the order of the log."""

    facts: list[Fact] = field(default_factory=list)

    @property
    def status(self) -> str:
        """Return the status after the last event, "" where there is none."""
        return str(self.facts[-1].data["status"]) if self.facts else ""

    @property
    def technician_id(self) -> str | None:
        """Return whose work it is, None where it is nobody's."""
        if self.status not in HELD:
            return None
        holding = (fact for fact in reversed(self.facts) if fact.kind in {"assigned", "accepted"})
        return next((str(fact.data["technician_id"]) for fact in holding), None)

    def of(self, *kinds: str) -> list[Fact]:
        """Return the events of some kinds."""
        return [fact for fact in self.facts if fact.kind in kinds]


class Books:
    """The account. `take` is called by the reader's thread, everything else by whoever looks; both may at a time.

    `mails` has the mail that each delivery was sent in: its own, or a bundle's.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.lives: dict[str, Life] = defaultdict(Life)
        self.by_type: Counter[str] = Counter()
        self.ids: dict[str, Counter[str]] = defaultdict(Counter)
        self.reached: dict[str, set[str]] = defaultdict(set)
        self.deliveries: dict[str, Delivery] = {}
        self.outcomes: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.mails: dict[str, str] = {}
        self.told: set[tuple[str, str, str]] = set()
        self.offers: dict[tuple[str, str], int] = {}
        self.held: dict[tuple[str, str], tuple[int, str]] = {}
        self.withdrawn: dict[tuple[str, str], int] = {}
        self.feedback: dict[str, list[Fact]] = defaultdict(list)
        self.dead_letters: list[dict[str, Any]] = []
        self.records = 0
        self.opened_by_channel: Counter[str] = Counter()

    def take(self, record: Record) -> None:
        """Enter one record."""
        if record.event is None:
            return
        with self.lock:
            self._enter(record, record.event)

    def _enter(self, record: Record, event: dict[str, Any]) -> None:
        data = event["data"]
        kind = str(event["type"]).removeprefix("aftercare.").rpartition(".")[0]
        self.records += 1
        self.by_type[kind] += 1
        self.ids[record.topic][str(event["id"])] += 1
        short = kind.partition(".")[2]
        if record.topic.endswith(".dlq"):
            self.dead_letters.append({"topic": record.topic, "type": kind, **data})
        elif record.topic == "ticket.events":
            self._ticket_event(Fact(short, data, record.written_ms, record.seen_ms))
        elif record.topic == "ticket.feedback":
            self.feedback[data["ticket_id"]].append(Fact(short, data, record.written_ms, record.seen_ms))
        elif record.topic == "notifier.outbox":
            # A bundle is accounted for by the deliveries that it stands for.
            for told in data.get("parts") or [data]:
                place = Delivery(told["ticket_id"], told["node"], told["role"], data["address"])
                self.deliveries[told["delivery_id"]] = place
        elif record.topic == "ticket.notifications":
            self.outcomes[data["delivery_id"]].append((short, str(data.get("reason") or "")))
            if short == "sent":
                self.mails[data["delivery_id"]] = str(data.get("bundle_id") or data["delivery_id"])
            self.told.add((data["ticket_id"], data["node"], data["role"]))
        elif record.topic in {"routing.work", "ticket.assignments"}:
            self._routing(short, data)

    def _ticket_event(self, fact: Fact) -> None:
        ticket_id = fact.data["ticket_id"]
        self.lives[ticket_id].facts.append(fact)
        self.reached[fact.data["status"]].add(ticket_id)
        self.reached[fact.kind].add(ticket_id)
        if fact.kind == "opened":
            self.opened_by_channel[fact.data["channel"]] += 1

    def _routing(self, kind: str, data: dict[str, Any]) -> None:
        if kind not in {"offer_made", "offer_withdrawn", "made"}:
            return
        place, generation = (data["pool"], data["ticket_id"]), int(data["generation"])
        if kind == "offer_made":
            self.offers[place] = max(generation, self.offers.get(place, 0))
        elif kind == "offer_withdrawn":
            self.withdrawn[place] = max(generation, self.withdrawn.get(place, 0))
        elif generation >= self.held.get(place, (0, ""))[0]:
            self.held[place] = (generation, data["technician_id"])

    # ------------------------------------------------------------ for whoever looks

    def statuses(self) -> Counter[str]:
        """Return how many tickets are in each status now."""
        with self.lock:
            return Counter(life.status for life in self.lives.values())

    def count(self, *kinds: str) -> int:
        """Return how many events of these types there were, by their names without prefix (`sla.target_breached`)."""
        with self.lock:
            return sum(self.by_type[kind] for kind in kinds)

    def duplicate_ids(self) -> list[str]:
        """Return what a service has written twice under one id, as `topic id`."""
        with self.lock:
            topics = self.ids.keys() - GATEWAYS
            return [f"{topic} {name}" for topic in topics for name, count in self.ids[topic].items() if count > 1]

    def gateway_repeats(self) -> int:
        """Return how many records of gateways came once more, for calls that were made again."""
        with self.lock:
            return sum(count - 1 for topic in GATEWAYS for count in self.ids[topic].values())

    def loads(self) -> dict[str, set[str]]:
        """Return which tickets weigh on each technician, as the router's own topics have it."""
        found: dict[str, set[str]] = defaultdict(set)
        with self.lock:
            for place, (generation, technician_id) in self.held.items():
                ended = self.withdrawn.get(place, 0) >= generation
                replaced = self.offers.get(place, 0) > generation
                if not ended and not replaced:
                    found[technician_id].add(place[1])
        return dict(found)

    def held_by(self) -> dict[str, set[str]]:
        """Return which tickets each technician has, as the tickets' own events have it."""
        found: dict[str, set[str]] = defaultdict(set)
        with self.lock:
            for ticket_id, life in self.lives.items():
                if (technician_id := life.technician_id) is not None:
                    found[technician_id].add(ticket_id)
        return dict(found)

    def assigned_ms(self, ticket_ids: Iterable[str]) -> dict[str, Fact]:
        """Return the first assignment of each of these tickets."""
        with self.lock:
            first = ((ticket_id, self.lives[ticket_id].of("assigned")[:1]) for ticket_id in ticket_ids)
            return {ticket_id: facts[0] for ticket_id, facts in first if facts}
