"""Keep a service running: when it fails to start or crashes, a new one is made after a while.

mode lets a crash climb to the root of its tree and end the process. What is made here has a tree of its own, so the
crash of a poller or of Faust's consumer ends there, and the processors go on.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from mode import Service, ServiceT

from services._runtime.logs import get_logger
from services._runtime.metrics import PART_RESTARTS

RETRY_FIRST_SECONDS: Final = 0.5
RETRY_MAX_SECONDS: Final = 5.0
STEADY_SECONDS: Final = 60.0
"""A service that ran this long starts again at once, not with the wait that earlier failures had reached."""
CHILD_STOP_SECONDS: Final = 4.0
STOP_SECONDS: Final = 5.0

Hook = Callable[[], Coroutine[Any, Any, None]]

log = get_logger(__name__)


class Supervised(Service):
    """Runs what `create` makes, one at a time, until it is stopped itself. A `Part` of the process's health.

    `create` is called on the event loop, again for each attempt, and returns a service that was never started. If the
    made service has a `status` or a `ready` of its own, they count. `before` is awaited ahead of each `create`, and
    what it raises ends the attempt there; `after` is awaited when a service has ended.
    """

    mundane_level = "debug"

    def __init__(
        self,
        name: str,
        create: Callable[[], ServiceT],
        *,
        before: Hook | None = None,
        after: Hook | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self._create = create
        self._before = before or _nothing
        self._after = after or _nothing
        self.running: ServiceT | None = None
        """What runs now; None between attempts."""
        self._keeper: asyncio.Task[None] | None = None
        self._trouble = "starting"

    @property
    def live(self) -> bool:
        """The supervision itself goes on; a service that fails is its work, not its end."""
        return self._keeper is not None and not self._keeper.done()

    @property
    def ready(self) -> bool:
        """The service runs, and is ready where it says so."""
        return self.running is not None and bool(getattr(self.running, "ready", True))

    @property
    def status(self) -> str:
        """The service's own words, or why it does not run."""
        return self._trouble if self.running is None else str(getattr(self.running, "status", "running"))

    async def on_start(self) -> None:
        """Called by mode."""
        # Not one of mode's tasks: those are cancelled before a service could be stopped in order.
        self._keeper = asyncio.create_task(self._keep(), name=f"supervise {self.name}")

    async def on_stop(self) -> None:
        """Called by mode; comes back within `STOP_SECONDS`."""
        if self._keeper is None:
            return
        _, late = await asyncio.wait([self._keeper], timeout=STOP_SECONDS)
        for task in late:
            log.warning("part_abandoned", part=self.name)
            task.cancel()

    async def _keep(self) -> None:
        retry_seconds = RETRY_FIRST_SECONDS
        while not self.should_stop:
            began_seconds = self.loop.time()
            await self._run_once()
            if self.should_stop:
                return
            if self.loop.time() - began_seconds > STEADY_SECONDS:
                retry_seconds = RETRY_FIRST_SECONDS
            PART_RESTARTS.labels(self.name).inc()
            await self.sleep(retry_seconds)
            retry_seconds = min(retry_seconds * 2, RETRY_MAX_SECONDS)

    async def _run_once(self) -> None:
        """Make, start and watch one service until it crashes or we are stopped. Raises nothing."""
        service: ServiceT | None = None
        try:
            await self._until_stopped(self._before())
            if self.should_stop:
                return
            service = self._create()
            await self._until_stopped(service.start())
            self.running = service
            await self._until_stopped(service.wait_until_stopped())
            if service.crash_reason is not None:
                self._note(service.crash_reason)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt comes
            self._note(error)
        finally:
            self.running = None
            await self._discard(service)

    async def _discard(self, service: ServiceT | None) -> None:
        try:
            async with asyncio.timeout(CHILD_STOP_SECONDS):
                if service is not None:
                    await service.stop()
                await self._after()
        except Exception as error:  # noqa: BLE001 - it is being thrown away
            log.warning("part_stop_failed", part=self.name, error=type(error).__name__)

    async def _until_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for `work`, but not past our own stop; raises what it raises."""
        doing, stopped = asyncio.create_task(work), asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait([doing, stopped], return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                doing.result()
        finally:
            for task in (doing, stopped):
                task.cancel()

    def _note(self, error: BaseException) -> None:
        self._trouble = f"failed, will start again: {type(error).__name__}"
        log.warning("part_failed", part=self.name, error=type(error).__name__, reason=str(error))


async def _nothing() -> None:
    pass
