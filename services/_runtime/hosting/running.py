"""Loops as services of the application."""

from collections.abc import Awaitable, Callable

from mode import Service


class Running(Service):
    """An endless coroutine as a service; `tell` says in a word how it goes."""

    def __init__(self, run: Callable[[], Awaitable[None]], tell: Callable[[], str]) -> None:
        super().__init__()
        self._run_for_ever = run
        self._tell = tell

    @property
    def status(self) -> str:
        """Shown by `/readyz`."""
        return self._tell()

    @Service.task
    async def _run_it(self) -> None:
        await self._run_for_ever()
