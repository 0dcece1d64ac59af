"""`Idempotency-Key`: the same call again gets the same answer, another call under the same key is refused.

What is kept in Redis only saves work and tells mistakes apart. That nothing is carried out twice rests on ids made
from the key, so losing Redis loses no safety.
"""

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final

import msgspec
from fastapi import Header
from pydantic import BaseModel

from services._runtime.redis_client import RedisClient, tenant_key
from services._runtime.web.problems import Problem
from services._runtime.web.tokens import Principal

KEY_CHARACTERS_MAX: Final = 255
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=KEY_CHARACTERS_MAX,
        description="Names this call. Sending it again under the same key carries nothing out twice.",
    ),
]


class Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call under a key: what it asked, when it was first received, and its answer once there is one."""

    digest: str
    received_at: datetime
    answer: dict[str, Any] | None = None


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Remembered).decode


class IdempotencyStore:
    """Calls by tenant, caller and key, for `keep_seconds`. Every method raises `RedisUnavailable`."""

    def __init__(self, redis: RedisClient, *, keep_seconds: int) -> None:
        self._redis = redis
        self._keep_seconds = keep_seconds

    async def begin(self, principal: Principal, key: str, call: bytes, *, now: datetime) -> Remembered:
        """Note that `call` (its endpoint and body) is made under `key`; returns what is known of it then.

        A call that failed halfway keeps the time of its first receipt.

        Raises:
            Problem: 422, the key was used for another call.
        """
        fresh = Remembered(digest=sha256(call).hexdigest(), received_at=now)
        stored = await self._redis.put_if_absent(
            _place(principal, key), _encode(fresh).decode(), ttl_seconds=self._keep_seconds
        )
        if stored is None:
            return fresh
        known = _decode(stored)
        if known.digest != fresh.digest:
            raise Problem(
                422,
                "idempotency-key-reused",
                "This Idempotency-Key (or external_id) stands for a call with another body. Use a new one for this.",
            )
        return known

    async def once(
        self,
        principal: Principal,
        key: str | None,
        call: bytes,
        carry_out: Callable[[str, datetime], Awaitable[BaseModel]],
        *,
        now: datetime,
    ) -> dict[str, Any]:
        """The answer of `carry_out`, or the one that the call got before; without a key it is carried out each time.

        `carry_out` is given what names the call, and when it was first received. Raises as it and as `begin`.
        """
        if key is None:
            return (await carry_out(secrets.token_hex(16), now)).model_dump()
        begun = await self.begin(principal, key, call, now=now)
        if begun.answer is not None:
            return begun.answer
        answer = (await carry_out(key, begun.received_at)).model_dump()
        await self.finish(principal, key, begun, answer)
        return answer

    async def finish(self, principal: Principal, key: str, begun: Remembered, answer: dict[str, Any]) -> None:
        """Keep the answer of a call that was carried out."""
        finished = msgspec.structs.replace(begun, answer=answer)
        await self._redis.put(_place(principal, key), _encode(finished).decode(), ttl_seconds=self._keep_seconds)


def _place(principal: Principal, key: str) -> str:
    # Hashed: a key is whatever the caller likes, and may name a person.
    name = sha256(f"{len(principal.subject)}:{principal.subject}:{key}".encode()).hexdigest()
    return tenant_key(principal.tenant, "call", name)
