"""Who may call: FastAPI dependencies that turn a bearer token into a `Principal`.

They are coroutines though they wait for nothing: FastAPI would hand plain functions to a thread, at several times the
cost of what they do.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from schemas.parts import Actor
from schemas.vocabulary import ActorKind
from services._runtime.clock import Clock
from services._runtime.web.problems import Problem
from services._runtime.web.tokens import Principal, TokenRefused, principal_from

REQUESTER: Final = "requester"
TECHNICIAN: Final = "technician"
COORDINATOR: Final = "coordinator"
SYSTEM: Final = "system"
"""Other systems: channels that send in what customers ask (phone desk, portal), and whatever drives tickets."""

STAFF: Final = (TECHNICIAN, COORDINATOR, SYSTEM)

_KINDS: Final = (
    (COORDINATOR, ActorKind.COORDINATOR),
    (TECHNICIAN, ActorKind.TECHNICIAN),
    (SYSTEM, ActorKind.SYSTEM),
)

_BEARER: Final = HTTPBearer(auto_error=False, description="A token signed by Aftercare, audience `api`.")
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]


def bearer(secret: SecretStr, clock: Clock) -> Callable[..., Awaitable[Principal]]:
    """A dependency that answers 401 unless the request carries a valid access token."""

    async def authenticated(credentials: _Credentials) -> Principal:
        if credentials is None:
            raise _unauthenticated("Send `Authorization: Bearer <token>`.", error=None)
        try:
            return principal_from(secret, credentials.credentials, now=clock.now())
        except TokenRefused as refused:
            raise _unauthenticated(f"Get a new token: {refused}.", error="invalid_token") from refused

    return authenticated


def bearer_with_role(secret: SecretStr, clock: Clock, *roles: str) -> Callable[..., Awaitable[Principal]]:
    """As `bearer`, and answers 403 unless the caller has one of `roles`."""
    authenticated = bearer(secret, clock)

    async def authorised(principal: Annotated[Principal, Depends(authenticated)]) -> Principal:
        if principal.roles.isdisjoint(roles):
            raise Problem(403, "forbidden", f"This needs one of the roles {', '.join(roles)}.")
        return principal

    return authorised


def actor_of(principal: Principal) -> Actor:
    """The caller as events and audit name it (a struct): by its most powerful role."""
    kinds = (kind for role, kind in _KINDS if role in principal.roles)
    return Actor.new(kind=next(kinds, ActorKind.REQUESTER), actor_id=principal.subject)


def _unauthenticated(detail: str, *, error: str | None) -> Problem:
    challenge = f'Bearer realm="aftercare", error="{error}"' if error else 'Bearer realm="aftercare"'
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": challenge})
