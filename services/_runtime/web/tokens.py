"""Signed tokens (JWT, HS256): who calls an API, and links that open one ticket or one survey and nothing else.

Tokens for different purposes differ in their audience, so a link from a mail is never an API token. Time is an
argument: the library's own reading of the clock is switched off.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import jwt
from pydantic import SecretStr

ALGORITHM: Final = "HS256"
ISSUER: Final = "aftercare"
AUDIENCE_API: Final = "api"
AUDIENCE_PROGRESS: Final = "progress"
AUDIENCE_SURVEY: Final = "survey"
TOKEN_LENGTH_MAX: Final = 4_096
"""Longer ones are refused before any cryptography."""
_REQUIRED_CLAIMS: Final = ("iss", "aud", "exp", "iat", "sub", "tenant")


class TokenRefused(Exception):  # noqa: N818 - reads as what happened
    """The token is not one of ours, not for this audience, or no longer valid. The message never quotes it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts: `subject` is a stable id, never a name or an address."""

    tenant: str
    subject: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Link:
    """What a signed link opens: `subject` is the ticket's or the survey's id."""

    tenant: str
    subject: str


def issue(secret: SecretStr, claims: Mapping[str, Any], *, audience: str, now: datetime, expires_at: datetime) -> str:
    """Sign `claims`, which name at least `sub` and `tenant`, for one audience until `expires_at` (aware)."""
    registered = {
        "iss": ISSUER,
        "aud": audience,
        "iat": int(now.astimezone(UTC).timestamp()),
        "exp": int(expires_at.astimezone(UTC).timestamp()),
    }
    return jwt.encode({**claims, **registered}, secret.get_secret_value(), algorithm=ALGORITHM)


def verify(secret: SecretStr, token: str, *, audience: str, now: datetime) -> dict[str, Any]:
    """The claims of a token that is ours, meant for `audience` and not expired at `now`.

    Raises:
        TokenRefused: in every other case.
    """
    if len(token) > TOKEN_LENGTH_MAX:
        raise TokenRefused("the token is too long to be ours")
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret.get_secret_value(),
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=ISSUER,
            options={"require": list(_REQUIRED_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except jwt.InvalidTokenError as error:
        raise TokenRefused(f"the token is not valid here ({type(error).__name__})") from error
    if not isinstance(claims["exp"], int | float) or claims["exp"] <= now.timestamp():
        raise TokenRefused("the token has expired")
    return claims


def issue_access(
    secret: SecretStr, *, tenant: str, subject: str, roles: AbstractSet[str], now: datetime, expires_at: datetime
) -> str:
    """A bearer token for our APIs."""
    claims = {"tenant": tenant, "sub": subject, "roles": sorted(roles)}
    return issue(secret, claims, audience=AUDIENCE_API, now=now, expires_at=expires_at)


def principal_from(secret: SecretStr, token: str, *, now: datetime) -> Principal:
    """Who presents this bearer token.

    Raises:
        TokenRefused: see `verify`; also when `roles` is not a list of texts.
    """
    claims = verify(secret, token, audience=AUDIENCE_API, now=now)
    roles = claims.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise TokenRefused("the token's roles are not a list of names")
    return Principal(tenant=str(claims["tenant"]), subject=str(claims["sub"]), roles=frozenset(roles))


def issue_link(
    secret: SecretStr, *, audience: str, tenant: str, subject: str, now: datetime, expires_at: datetime
) -> str:
    """The token of a link that opens `subject` for whoever holds it. The same arguments give the same token."""
    return issue(secret, {"tenant": tenant, "sub": subject}, audience=audience, now=now, expires_at=expires_at)


def open_link(secret: SecretStr, token: str, *, audience: str, now: datetime) -> Link:
    """What the link opens.

    Raises:
        TokenRefused: see `verify`.
    """
    claims = verify(secret, token, audience=audience, now=now)
    return Link(tenant=str(claims["tenant"]), subject=str(claims["sub"]))
