"""As much of Kafka's protocol as the proxy must know: who asks, what for, and which answer belongs to it."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

END_TXN: Final = 26
"""The request that commits or aborts a transaction."""
FRAME_BYTES_MAX: Final = 256 << 20
"""More than any broker or client here takes; a larger size is not Kafka's protocol."""

_SIZE: Final = struct.Struct(">i")
_REQUEST: Final = struct.Struct(">hhih")
_CORRELATION: Final = struct.Struct(">i")


class Request(NamedTuple):
    """The head of a request: its kind, the number that its answer will carry, and the client's name for itself."""

    api_key: int
    correlation_id: int
    client_id: str


def size_of(prefix: bytes) -> int:
    """Return how many bytes follow the four of `prefix`; raises ValueError when that is no frame."""
    (size,) = _SIZE.unpack(prefix)
    if not _CORRELATION.size <= size <= FRAME_BYTES_MAX:
        raise ValueError(f"not a Kafka frame: {size} bytes")
    return int(size)


def request_of(frame: bytes) -> Request:
    """Return the head of a request frame (without its size); raises ValueError or struct.error when it is cut short."""
    api_key, _version, correlation_id, length = _REQUEST.unpack_from(frame)
    begins = _REQUEST.size
    client_id = frame[begins : begins + length].decode() if length > 0 else ""
    return Request(api_key, correlation_id, client_id)


def correlation_of(frame: bytes) -> int:
    """Return the number of the request that an answer frame (without its size) belongs to."""
    return int(_CORRELATION.unpack_from(frame)[0])
