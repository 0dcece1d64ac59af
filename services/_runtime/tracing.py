"""W3C trace context: one trace from the gateway that received a request to the message that answers it."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

_TRACEPARENT = re.compile(r"^00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}$")
_ALL_ZERO = re.compile(r"^0+$")


def trace_id_of(traceparent: str | None) -> str | None:
    """The 32 hex digits of the trace in a `traceparent`, or None where there is no valid one."""
    match = _TRACEPARENT.match(traceparent or "")
    if match is None or _ALL_ZERO.match(match["trace"]) or _ALL_ZERO.match(match["span"]):
        return None
    return match["trace"]


def traceparent_for(incoming: str | None) -> str:
    """A `traceparent` with a new span: in the caller's trace when `incoming` is valid, else in a new one.

    Only gateways call this. It draws random ids, so nothing that is decided may depend on it.
    """
    trace = trace_id_of(incoming) or secrets.token_hex(16)
    return f"00-{trace}-{secrets.token_hex(8)}-01"


@contextmanager
def logged_trace(traceparent: str | None) -> Iterator[None]:
    """Put `trace_id` on every log line of the block."""
    with structlog.contextvars.bound_contextvars(trace_id=trace_id_of(traceparent)):
        yield
