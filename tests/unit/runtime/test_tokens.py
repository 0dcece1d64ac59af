"""Tokens: who signed what, for whom, until when."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from pydantic import SecretStr

from services._runtime.web.tokens import (
    AUDIENCE_API,
    AUDIENCE_PROGRESS,
    AUDIENCE_SURVEY,
    Link,
    Principal,
    TokenRefused,
    issue_access,
    issue_link,
    open_link,
    principal_from,
    verify,
)

SECRET = SecretStr("a" * 32)
OTHER_SECRET = SecretStr("b" * 32)
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def progress_link(**changes: datetime) -> str:
    times = {"now": NOW, "expires_at": LATER, **changes}
    return issue_link(SECRET, audience=AUDIENCE_PROGRESS, tenant="acme", subject="T-1", **times)


def test_a_bearer_token_says_who_acts() -> None:
    token = issue_access(SECRET, tenant="acme", subject="li-wei", roles={"agent", "lead"}, now=NOW, expires_at=LATER)
    assert principal_from(SECRET, token, now=NOW) == Principal("acme", "li-wei", frozenset({"agent", "lead"}))


def test_a_link_opens_its_subject_and_nothing_else() -> None:
    assert open_link(SECRET, progress_link(), audience=AUDIENCE_PROGRESS, now=NOW) == Link("acme", "T-1")
    with pytest.raises(TokenRefused):
        open_link(SECRET, progress_link(), audience=AUDIENCE_SURVEY, now=NOW)


def test_a_link_is_no_bearer_token() -> None:
    with pytest.raises(TokenRefused):
        principal_from(SECRET, progress_link(), now=NOW)


def test_the_same_link_is_signed_the_same_way() -> None:
    assert progress_link() == progress_link()


def test_a_token_ends_at_its_time_by_the_time_that_is_passed_in() -> None:
    token = progress_link()
    assert open_link(SECRET, token, audience=AUDIENCE_PROGRESS, now=LATER - timedelta(seconds=1)).subject == "T-1"
    with pytest.raises(TokenRefused, match="expired"):
        open_link(SECRET, token, audience=AUDIENCE_PROGRESS, now=LATER)


def test_a_token_of_another_secret_is_refused() -> None:
    with pytest.raises(TokenRefused):
        verify(OTHER_SECRET, progress_link(), audience=AUDIENCE_PROGRESS, now=NOW)


def test_a_changed_token_is_refused() -> None:
    head, body, signature = progress_link().split(".")
    changed = body[:-2] + ("AA" if body[-2:] != "AA" else "BB")
    with pytest.raises(TokenRefused):
        verify(SECRET, f"{head}.{changed}.{signature}", audience=AUDIENCE_PROGRESS, now=NOW)


def test_an_unsigned_token_is_refused() -> None:
    claims = {"iss": "aftercare", "aud": AUDIENCE_API, "sub": "x", "tenant": "acme", "iat": 0, "exp": 2**40}
    with pytest.raises(TokenRefused):
        verify(SECRET, jwt.encode(claims, None, algorithm="none"), audience=AUDIENCE_API, now=NOW)


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "tenant", "iat", "exp"])
def test_a_token_without_a_claim_that_we_always_write_is_refused(missing: str) -> None:
    claims = {"iss": "aftercare", "aud": AUDIENCE_API, "sub": "x", "tenant": "acme", "iat": 0, "exp": 2**40}
    del claims[missing]
    token = jwt.encode(claims, SECRET.get_secret_value(), algorithm="HS256")
    with pytest.raises(TokenRefused):
        verify(SECRET, token, audience=AUDIENCE_API, now=NOW)


@pytest.mark.parametrize("nonsense", ["", "x", "a.b.c", "é.é.é", "x" * 10_000])
def test_nonsense_is_refused_without_being_quoted(nonsense: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        verify(SECRET, nonsense, audience=AUDIENCE_API, now=NOW)
    assert len(nonsense) < 3 or nonsense not in str(refused.value)


def test_roles_that_are_no_list_of_names_are_refused() -> None:
    claims = {
        "iss": "aftercare",
        "aud": AUDIENCE_API,
        "sub": "x",
        "tenant": "a",
        "iat": 0,
        "exp": 2**40,
        "roles": "admin",
    }
    token = jwt.encode(claims, SECRET.get_secret_value(), algorithm="HS256")
    with pytest.raises(TokenRefused, match="roles"):
        principal_from(SECRET, token, now=NOW)
