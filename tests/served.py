"""A service's web server on a free port, in a thread of the test, and tokens for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import redis as redis_client
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from services._runtime.clock import SystemClock
from services._runtime.web.tokens import issue_access

SECRET: Final = SecretStr("s" * 32)
WAIT_SECONDS: Final = 20.0


@contextmanager
def served_web(web: FastAPI) -> Iterator[str]:
    """Serve `web`; yields its address."""
    config = uvicorn.Config(
        web, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1, loop="asyncio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{_port_of(server)}"
    finally:
        server.should_exit = True
        thread.join(WAIT_SECONDS)


def access_token(*roles: str, tenant: str = "acme", subject: str = "x") -> str:
    """A token of whoever has these roles, good for an hour."""
    now = SystemClock().now()
    return issue_access(
        SECRET, tenant=tenant, subject=subject, roles=set(roles), now=now, expires_at=now + timedelta(hours=1)
    )


def empty_database(local_redis: str, number: int) -> str:
    """The URL of a Redis database that is a bed's own, emptied."""
    url = local_redis.rpartition("/")[0] + f"/{number}"
    with redis_client.Redis.from_url(url) as client:
        client.flushdb()
    return url


def _port_of(server: uvicorn.Server) -> int:
    for _ in range(500):
        if server.started:
            return int(server.servers[0].sockets[0].getsockname()[1])
        time.sleep(0.02)
    raise AssertionError("the web server did not start")
