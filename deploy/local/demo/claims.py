"""What the clients were promised, every 202 and every mail that the server took: the topics must account for it."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Accepted:
    """A request that was taken in. `ticket_id` is what the answer named; "" for mail, which is named by `external_id`.

    `at_ms` is when the client had the answer (mail: when the server took it), in milliseconds since 1970.
    """

    channel: str
    external_id: str
    at_ms: float
    ticket_id: str = ""


@dataclass(frozen=True)
class Message:
    """A further message of a customer. `mark` stands in its text and in no other's."""

    ticket_id: str
    mark: str


@dataclass(frozen=True)
class Command:
    """A command that was taken in under an id of its own."""

    action: str
    ticket_id: str
    command_id: str


@dataclass(frozen=True)
class Answer:
    """A survey's answer that was taken in."""

    ticket_id: str
    csat: int


@dataclass
class Claims:
    """Everything that was promised, as it comes in.

    `strayed` are requests that were answered with another ticket than they should have been, `will_rate` the tickets
    whose customer answers when asked, `troubles` what went wrong on the clients' side.
    """

    accepted: list[Accepted] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    repeated: int = 0
    strayed: list[str] = field(default_factory=list)
    automatic_mails: int = 0
    will_rate: set[str] = field(default_factory=set)
    pages_seen: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    progress_urls: list[str] = field(default_factory=list)
    survey_urls: list[str] = field(default_factory=list)
