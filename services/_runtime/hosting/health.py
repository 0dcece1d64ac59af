"""Whether this process lives and whether it is ready, from its parts.

Live means that a part's own loop moved lately. It never means that a broker answers: restarting a process does not
bring a broker back.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services._runtime.metrics import PART_LIVE, PART_READY, REGISTRY


class Part(Protocol):
    """Something in this process that can be stuck, or not ready yet."""

    @property
    def name(self) -> str:
        """Unique in the process."""

    @property
    def live(self) -> bool:
        """Its loop made progress lately."""

    @property
    def ready(self) -> bool:
        """It does its work now."""

    @property
    def status(self) -> str:
        """One line for people: what it is doing or waiting for. No personal data."""


class Health:
    """The parts of this process; while it is stopping it is live and not ready.

    Args:
        needed: without one of these ready the process is not ready.
        shown: these are reported, and must be live, but the process is ready without them: a mailbox that does not
            answer is no reason to turn away requests over HTTP.
    """

    def __init__(self, needed: Sequence[Part], shown: Sequence[Part] = ()) -> None:
        self.parts = (*needed, *shown)
        self.stopping = False
        self._needed = tuple(needed)

    @property
    def live(self) -> bool:
        """Every part's loop moves."""
        return all(part.live for part in self.parts)

    @property
    def ready(self) -> bool:
        """Every needed part does its work, and nothing is being stopped."""
        return not self.stopping and all(part.ready for part in self._needed)

    def report(self) -> dict[str, Any]:
        """Everything at once, for a JSON answer."""
        parts = {part.name: {"live": part.live, "ready": part.ready, "status": part.status} for part in self.parts}
        return {"live": self.live, "ready": self.ready, "stopping": self.stopping, "parts": parts}

    def observe(self) -> None:
        """Set the gauges."""
        for part in self.parts:
            PART_LIVE.labels(part.name).set(part.live)
            PART_READY.labels(part.name).set(part.ready)


def add_probes(web: FastAPI, health: Health) -> None:
    """Add `/healthz` and `/readyz` (200, or 503 with the same body) and `/metrics`; the API description omits them."""

    async def healthz() -> JSONResponse:
        return JSONResponse(health.report(), 200 if health.live else 503)

    async def readyz() -> JSONResponse:
        return JSONResponse(health.report(), 200 if health.ready else 503)

    async def metrics() -> Response:
        health.observe()
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    for path, answer in (("/healthz", healthz), ("/readyz", readyz), ("/metrics", metrics)):
        web.add_api_route(path, answer, methods=["GET"], include_in_schema=False)
