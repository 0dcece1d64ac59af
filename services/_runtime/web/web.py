"""The web application every service starts from."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from services._runtime.clock import Clock
from services._runtime.web.edge import BODY_LIMIT_BYTES, HttpEdge
from services._runtime.web.problems import answer_with_problems


def create_web(
    title: str,
    *,
    clock: Clock,
    routers: Sequence[APIRouter] = (),
    description: str = "",
    body_limit_bytes: int = BODY_LIMIT_BYTES,
) -> FastAPI:
    """A FastAPI application with our errors, limits, traces and metrics.

    `/metrics`, `/healthz` and `/readyz` are added when it is hosted (`hosting.create_app`).

    Args:
        title: the API's name in its description.
        clock: measures requests; the same one that the service uses.
        routers: the service's routes.
        description: Markdown, shown on top of the API description.
        body_limit_bytes: larger requests are answered with 413.
    """
    responses: dict[int | str, dict[str, Any]] = {
        422: {"description": "The request is not valid.", "content": {"application/problem+json": {}}},
        503: {"description": "Try again, see Retry-After.", "content": {"application/problem+json": {}}},
    }
    web = FastAPI(title=title, description=description, version="1", responses=responses)
    answer_with_problems(web)
    web.add_middleware(HttpEdge, clock=clock, body_limit_bytes=body_limit_bytes)
    for router in routers:
        web.include_router(router)
    return web
