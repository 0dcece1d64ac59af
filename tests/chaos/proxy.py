"""A network of our own between Kafka's nodes and whoever talks to them: a TCP proxy for each way in, that can be cut.

It runs on an asyncio loop in a thread. A cut way is a black hole, as when a switch fails: connections stay open, bytes
wait, nobody is told. Healed, they flow on. It also knows enough of the protocol to lose the answer to a commit.
"""

from __future__ import annotations

import asyncio
import re
import struct
import threading
import weakref
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from deploy.local import ports
from tests.chaos.frames import END_TXN, correlation_of, request_of, size_of

T = TypeVar("T")
Address = tuple[str, int]
STARTED_SECONDS: Final = 10.0
BUFFER_BYTES: Final = 1 << 20
CLOSING_TURNS: Final = 10
"""Of the loop: more than it takes from a connection's being accepted, or aborted, to its being known, or closed."""
_BROKER: Final = re.compile(r"broker-(\d+)-")
_CONTROLLER: Final = re.compile(r"controller-(\d+)")


@dataclass(eq=False)
class Link:
    """One connection through the proxy: from whom (`client_id` once they have said it) to which node."""

    way: str
    node: int
    client_id: str = ""
    awaited: set[int] = field(default_factory=set)

    @property
    def source_node(self) -> int | None:
        """Return which node it comes from, None for clients."""
        found = _CONTROLLER.fullmatch(self.way) or _BROKER.match(self.client_id)
        return int(found[1]) if found is not None else None


Cut = Callable[[Link], bool]


class ProxyNetwork:
    """A `deploy.local.kafka.Network` that can be cut and healed. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self._pumps: set[asyncio.Task[None]] = set()
        self._transports: weakref.WeakSet[asyncio.WriteTransport] = weakref.WeakSet()
        self._cuts: dict[str, Cut] = {}
        self._changed = asyncio.Event()
        self._answers_to_lose = 0
        self.answers_lost = 0

    def reach(self, source: str, node: int, host: str, port: int) -> int:
        """Open a way to a node's port; see `deploy.local.kafka.Network`."""
        own = ports.free_port(host)
        self._call(self._listen(source, node, (host, own), (host, port)))
        return own

    def cut(self, name: str, cut: Cut) -> None:
        """Let nothing through any more on the links that `cut` picks, those to come included, until `heal(name)`."""
        self._call(self._set_cut(name, cut))

    def heal(self, name: str) -> None:
        """End a cut; what waited goes on."""
        self._call(self._set_cut(name, None))

    def lose_commit_answers(self, number: int) -> None:
        """Carry out the next `number` requests that end a transaction, lose their answers and break the connections."""
        self._call(self._set_losses(number))

    def close(self) -> None:
        """Stop listening and break every connection."""
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STARTED_SECONDS)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(STARTED_SECONDS)

    # ── on the loop ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _listen(self, way: str, node: int, own: Address, behind: Address) -> None:
        async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._pumps.add(task)
            self._transports.add(writer.transport)
            try:
                await self._carry(Link(way, node), behind, reader, writer)
            except (OSError, ValueError, struct.error, asyncio.IncompleteReadError):
                pass  # one side has gone; both are closed below
            finally:
                writer.close()
                self._pumps.discard(task)

        self._servers.append(await asyncio.start_server(taken, *own, limit=BUFFER_BYTES))

    async def _carry(
        self, link: Link, behind: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one connection until either side ends it."""
        # The first request says who it is, and that decides whether it gets through at all.
        first = await _frame(reader)
        link.client_id = request_of(first).client_id
        await self._passage(link)
        there, back = await asyncio.open_connection(*behind, limit=BUFFER_BYTES)
        self._transports.add(back.transport)
        try:
            await self._send_on(link, first, back)
            ways = {
                asyncio.ensure_future(self._requests(link, reader, back)),
                asyncio.ensure_future(self._answers(link, there, writer)),
            }
            try:
                done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    each.result()
            finally:
                for each in ways:
                    each.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            back.close()

    async def _requests(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            frame = await _frame(reader)
            await self._passage(link)
            await self._send_on(link, frame, writer)

    async def _send_on(self, link: Link, frame: bytes, writer: asyncio.StreamWriter) -> None:
        head = request_of(frame)
        if head.api_key == END_TXN and link.way == "clients" and self._answers_to_lose > 0:
            self._answers_to_lose -= 1
            link.awaited.add(head.correlation_id)
        writer.write(struct.pack(">i", len(frame)))
        writer.write(frame)
        await writer.drain()

    async def _answers(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            frame = await _frame(reader)
            await self._passage(link)
            if link.awaited and correlation_of(frame) in link.awaited:
                self.answers_lost += 1
                return
            writer.write(struct.pack(">i", len(frame)))
            writer.write(frame)
            await writer.drain()

    async def _passage(self, link: Link) -> None:
        while any(cut(link) for cut in self._cuts.values()):
            await self._changed.wait()

    async def _set_cut(self, name: str, cut: Cut | None) -> None:
        if cut is None:
            self._cuts.pop(name, None)
        else:
            self._cuts[name] = cut
        self._changed.set()
        self._changed = asyncio.Event()

    async def _set_losses(self, number: int) -> None:
        self._answers_to_lose = number

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        # Clients whose node has gone come again all the time: one may be half accepted.
        await _turns()
        while pumps := tuple(self._pumps):
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        # Closing would leave what is still to be written to the loop, which ends now; an aborted one is closed at once.
        for transport in tuple(self._transports):
            transport.abort()
        await _turns()


async def _turns() -> None:
    for _ in range(CLOSING_TURNS):
        await asyncio.sleep(0)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(size_of(await reader.readexactly(4)))


def between_client_and_node(node: int, instance: str) -> Cut:
    """The way between the processor clients of an instance slot and one node."""
    return lambda link: link.way == "clients" and link.node == node and link.client_id.endswith(f"-{instance}")


def around_node(node: int) -> Cut:
    """Every way between one node and its peers, in both directions; clients still reach it."""
    return lambda link: link.way != "clients" and (link.node == node) != (link.source_node == node)
