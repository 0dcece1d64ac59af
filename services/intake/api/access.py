"""Who may call what: roles of tokens, and what a caller is in the product's own words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import SecretStr

from services._runtime.clock import Clock
from services._runtime.web.access import REQUESTER, STAFF, bearer_with_role
from services._runtime.web.tokens import Principal

EVERYONE: Final = (REQUESTER, *STAFF)

Authorise = Callable[..., Awaitable[Principal]]
"""A FastAPI dependency that gives the caller, or answers 401 or 403."""


class Gatekeeper:
    """Makes the dependencies that let callers in."""

    def __init__(self, secret: SecretStr, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def admit(self, *roles: str) -> Authorise:
        """Only callers with one of `roles`."""
        return bearer_with_role(self._secret, self._clock, *roles)


def is_only_requester(principal: Principal) -> bool:
    """Whether the caller is a customer's person, who sees and does what is their own alone."""
    return principal.roles.isdisjoint(STAFF)
