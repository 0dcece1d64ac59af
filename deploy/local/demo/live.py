"""The live view: how many tickets have come how far. A table that moves on a terminal, plain lines elsewhere."""

from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from deploy.local.demo.books import Books
from deploy.local.demo.claims import Claims

_LINE_SECONDS: Final = 5.0
_STATUSES: Final = (
    ("queued", "queued"),
    ("assigned", "assigned"),
    ("in progress", "in_progress"),
    ("pending", "pending"),
    ("in review", "in_review"),
    ("resolved", "resolved"),
    ("closed", "closed"),
)


def counts(claims: Claims, books: Books) -> list[tuple[str, int, int | None]]:
    """Return each node with how many tickets (or events) have come there so far, and how many are there now."""
    now = books.statuses()
    with books.lock:
        reached = {name: len(tickets) for name, tickets in books.reached.items()}
    rows: list[tuple[str, int, int | None]] = [
        ("requested", len(claims.accepted), None),
        ("opened", reached.get("opened", 0), None),
    ]
    rows += [(label, reached.get(status, 0), now[status]) for label, status in _STATUSES]
    return [
        *rows,
        ("rated", reached.get("rated", 0), None),
        ("breached", books.count("sla.target_breached"), None),
        ("escalated", books.count("ticket.escalated"), None),
        ("mails sent", books.count("notification.sent"), None),
    ]


class View:
    """Shows the counts; use it as a context manager, and call `show` a few times a second."""

    def __init__(self, console: Console, claims: Claims, books: Books) -> None:
        self._console = console
        self._claims = claims
        self._books = books
        self._next_line_seconds = 0.0
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        """Take the terminal."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()

    def show(self, seconds: float, note: str = "") -> None:
        """Show the counts as they are `seconds` after the beginning, with what is being waited for."""
        if self._live is not None:
            self._live.update(self._table(seconds, note), refresh=True)
        elif seconds >= self._next_line_seconds:
            self._next_line_seconds = seconds + _LINE_SECONDS
            words = [f"{label} {total}" for label, total, _ in counts(self._claims, self._books)]
            self._console.print(f"{seconds:5.1f} s  {', '.join(words)}  {note}", soft_wrap=True, highlight=False)

    def _table(self, seconds: float, note: str) -> Table:
        table = Table(title=f"Aftercare, {seconds:.0f} s", caption=note or None, title_justify="left")
        table.add_column("node")
        table.add_column("so far", justify="right")
        table.add_column("now", justify="right")
        for label, total, now in counts(self._claims, self._books):
            table.add_row(label, str(total), "" if now is None else str(now))
        return table
