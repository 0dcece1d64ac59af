"""The web server inside the application: it listens, leaves signals alone and stops in time."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from services._runtime.clock import SystemClock
from services._runtime.web.server import STOP_SECONDS, WebServer
from services._runtime.web.web import create_web

WAIT_SECONDS = 15.0


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, WAIT_SECONDS))


def pages() -> FastAPI:
    web = create_web("Test", clock=SystemClock())

    @web.get("/hello")
    async def hello() -> str:
        return "hello"

    @web.get("/endless")
    async def endless() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            while True:
                yield b"data: tick\n\n"
                await asyncio.sleep(0.05)

        return StreamingResponse(parts(), media_type="text/event-stream")

    @web.get("/breaks-off")
    async def breaks_off() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"one"
            raise RuntimeError

        return StreamingResponse(parts())

    return web


def test_port_nought_takes_a_free_port_and_says_which() -> None:
    async def scene() -> None:
        server = WebServer(pages(), host="127.0.0.1", port=0)
        await server.start()
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{server.port}/hello")).json() == "hello"
        assert server.ready
        await server.stop()
        assert not server.ready

    play(scene())


def test_signal_handlers_stay_as_they_were() -> None:
    async def scene() -> None:
        before = signal.getsignal(signal.SIGTERM)
        server = WebServer(pages(), host="127.0.0.1", port=0)
        await server.start()
        assert signal.getsignal(signal.SIGTERM) is before
        await server.stop()

    play(scene())


def test_a_taken_address_fails_the_start() -> None:
    async def scene() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            server = WebServer(pages(), host="127.0.0.1", port=taken.getsockname()[1])
            with pytest.raises(OSError, match="in use"):
                await server.start()

    play(scene())


def test_a_stream_without_end_does_not_keep_the_server_from_stopping() -> None:
    async def scene() -> None:
        server = WebServer(pages(), host="127.0.0.1", port=0)
        await server.start()
        url = f"http://127.0.0.1:{server.port}/endless"
        async with httpx.AsyncClient() as client, client.stream("GET", url) as response:
            assert await anext(response.aiter_bytes())
            async with asyncio.timeout(STOP_SECONDS + 1):
                await server.stop()
        assert not server.ready

    play(scene())


def test_an_answer_that_fails_half_way_is_broken_off_and_not_completed() -> None:
    async def scene() -> None:
        server = WebServer(pages(), host="127.0.0.1", port=0)
        await server.start()
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(f"http://127.0.0.1:{server.port}/breaks-off")
        await server.stop()

    play(scene())
