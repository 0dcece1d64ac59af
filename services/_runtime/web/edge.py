"""The outermost layer of every web server: trace, size limit, metrics, and the last resort for errors.

Plain ASGI, since Starlette's `BaseHTTPMiddleware` costs a task and a queue for each request.
"""

import traceback
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services._runtime.clock import Clock
from services._runtime.logs import get_logger
from services._runtime.metrics import HTTP_REQUEST_SECONDS, HTTP_REQUESTS
from services._runtime.tracing import logged_trace, trace_id_of, traceparent_for
from services._runtime.web.problems import Problem, server_error, too_large

BODY_LIMIT_BYTES: Final = 1_048_576
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = get_logger(__name__)


class _BodyTooLarge(Exception):  # noqa: N818 - a signal, caught below
    """The body grew past the limit while it was being read."""


class HttpEdge:
    """ASGI middleware. Puts the request's trace context into `scope["state"]["traceparent"]`.

    Args:
        app: what is inside.
        clock: for the time a request took.
        body_limit_bytes: larger bodies are answered with 413, whether or not they declare their length.
    """

    def __init__(self, app: ASGIApp, *, clock: Clock, body_limit_bytes: int = BODY_LIMIT_BYTES) -> None:
        self._app = app
        self._clock = clock
        self._body_limit_bytes = body_limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        traceparent = traceparent_for(_header(scope, b"traceparent"))
        scope.setdefault("state", {})["traceparent"] = traceparent
        with logged_trace(traceparent):
            await _Exchange(self._clock, self._body_limit_bytes, scope, receive, send, traceparent).run(self._app)


class _Exchange:
    """One request and its response."""

    def __init__(
        self, clock: Clock, limit_bytes: int, scope: Scope, receive: Receive, send: Send, traceparent: str
    ) -> None:
        self._clock, self._limit_bytes = clock, limit_bytes
        self._scope, self._receive_inner, self._send_inner = scope, receive, send
        self._traceparent = traceparent
        self._received_bytes = 0
        self._too_large = _declared_bytes(scope) > limit_bytes
        self._status = 0
        self._started_at_seconds = clock.monotonic_seconds()

    async def run(self, app: ASGIApp) -> None:
        """Let `app` answer; answer in its place where it can't."""
        try:
            if not self._too_large:
                await app(self._scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - the last resort
            if not self._too_large:
                self._report(error)
                await self._answer(server_error())
        if self._too_large:
            await self._answer(too_large(self._limit_bytes))

    async def _receive(self) -> Message:
        message = await self._receive_inner()
        if message["type"] == "http.request":
            self._received_bytes += len(message.get("body", b""))
            if self._received_bytes > self._limit_bytes:
                self._too_large = True
                raise _BodyTooLarge
        return message

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._too_large:
                # FastAPI turns the signal from `_receive` into a 400; ours, the 413, follows in `run`.
                return
            self._observe(message["status"])
            message.setdefault("headers", []).append((b"traceparent", self._traceparent.encode()))
        elif self._status == 0:
            return
        await self._send_inner(message)

    async def _answer(self, problem: Problem) -> None:
        if self._status:
            return  # the response has begun: all that is left is to break it off
        problem.extra["trace_id"] = trace_id_of(self._traceparent)
        self._observe(problem.status)
        response = problem.response()
        response.headers["traceparent"] = self._traceparent
        if problem.status == 413:  # noqa: PLR2004 - HTTP's numbers are their own names
            response.headers["connection"] = "close"  # the rest of the body is not read
        await response(self._scope, self._receive_inner, self._send_inner)

    def _observe(self, status: int) -> None:
        self._status = status
        method = self._scope["method"] if self._scope["method"] in _METHODS else "other"
        route = getattr(self._scope.get("route"), "path", "none")
        HTTP_REQUESTS.labels(method, route, str(status)).inc()
        elapsed_seconds = self._clock.monotonic_seconds() - self._started_at_seconds
        HTTP_REQUEST_SECONDS.labels(method, route).observe(elapsed_seconds)

    def _report(self, error: Exception) -> None:
        # The message of an error may quote what a customer sent; its class and its way through our code do not.
        frames = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        route = getattr(self._scope.get("route"), "path", "none")
        log.error("http_request_failed", route=route, error=type(error).__name__, frames=frames[-12:])


def traceparent_of(request: Request) -> str:
    """The trace context to copy into the envelope of whatever this request causes."""
    value: str = request.state.traceparent
    return value


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def _declared_bytes(scope: Scope) -> int:
    declared = _header(scope, b"content-length") or "0"
    return int(declared) if declared.isdigit() else 0
