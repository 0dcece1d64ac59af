"""What every API of ours answers when something is wrong, and what it counts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services._runtime.clock import ManualClock
from services._runtime.metrics import REGISTRY
from services._runtime.tracing import trace_id_of
from services._runtime.unavailable import KafkaUnavailable, RedisUnavailable
from services._runtime.web.access import bearer, bearer_with_role
from services._runtime.web.edge import traceparent_of
from services._runtime.web.problems import json_pointer
from services._runtime.web.tokens import Principal, issue_access
from services._runtime.web.web import create_web

SECRET = SecretStr("k" * 32)
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
CLOCK = ManualClock(NOW)
LIMIT_BYTES = 200


class Customer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: str = Field(max_length=50)


class Ticket(BaseModel):
    title: str
    customer: Customer


router = APIRouter(prefix="/v1")


@router.post("/tickets/{number}")
async def post_ticket(number: int, ticket: Ticket, dry: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002
    return {"number": number, "title": ticket.title, "dry": dry}


@router.get("/kafka")
async def without_kafka() -> None:
    raise KafkaUnavailable("not confirmed")


@router.get("/redis")
async def without_redis() -> None:
    raise RedisUnavailable("no answer", retry_after_seconds=9)


@router.get("/broken")
async def broken() -> None:
    raise RuntimeError("zhang.san@huaxin-bank.example")


@router.get("/trace")
async def trace(request: Request) -> str:
    return traceparent_of(request)


@router.post("/raw")
async def raw(body: Annotated[bytes, Body()]) -> int:
    return len(body)


@router.get("/me")
async def me(principal: Annotated[Principal, Depends(bearer(SECRET, CLOCK))]) -> str:
    return principal.subject


@router.get("/leads")
async def leads(principal: Annotated[Principal, Depends(bearer_with_role(SECRET, CLOCK, "lead"))]) -> str:
    return principal.subject


WEB = create_web("Test", clock=CLOCK, routers=[router], body_limit_bytes=LIMIT_BYTES)


def call(method: str, path: str, *, web: FastAPI = WEB, **arguments: Any) -> httpx.Response:
    async def exchange() -> httpx.Response:
        transport = httpx.ASGITransport(web)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **arguments)

    return asyncio.run(exchange())


def problem(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == response.status_code
    assert document["type"].startswith("urn:aftercare:problem:")
    return document


def counted(**labels: str) -> float:
    return REGISTRY.get_sample_value("aftercare_http_requests_total", labels) or 0.0


def test_each_wrong_field_is_named_by_a_json_pointer_and_told_what_to_do() -> None:
    body = {"customer": {"email": "e" * 51, "emial": "x"}}
    document = problem(call("POST", "/v1/tickets/1", json=body))
    by_pointer = {error["pointer"]: error for error in document["errors"]}
    assert set(by_pointer) == {"#/title", "#/customer/email", "#/customer/emial"}
    assert by_pointer["#/title"]["do"] == "Send this field."
    assert "spelling" in by_pointer["#/customer/emial"]["do"]


def test_wrong_parameters_are_named_with_where_they_are() -> None:
    document = problem(call("POST", "/v1/tickets/x?dry=perhaps", json={"title": "t", "customer": {"email": "e"}}))
    assert {(error["in"], error["parameter"]) for error in document["errors"]} == {("path", "number"), ("query", "dry")}


def test_a_value_that_was_sent_is_never_sent_back() -> None:
    assert "zhang.san" not in call("POST", "/v1/tickets/zhang.san@huaxin-bank.example", json={}).text


def test_broken_json_is_a_problem_of_the_whole_body() -> None:
    response = call("POST", "/v1/tickets/1", content=b'{"title": ', headers={"content-type": "application/json"})
    (error,) = problem(response)["errors"]
    assert (error["pointer"], error["code"]) == ("#", "json_invalid")


@pytest.mark.parametrize(("path", "pointer"), [([], "#"), (["a", 0, "b"], "#/a/0/b"), (["a/b", "c~d"], "#/a~1b/c~0d")])
def test_pointers_are_written_as_rfc_6901_has_them(path: list[str | int], pointer: str) -> None:
    assert json_pointer(path) == pointer


def test_an_unknown_address_and_a_wrong_method_are_told_apart() -> None:
    assert problem(call("GET", "/v1/nothing"))["status"] == 404
    wrong_method = call("DELETE", "/v1/kafka")
    assert problem(wrong_method)["detail"] == "Use GET."
    assert wrong_method.headers["allow"] == "GET"


def test_a_body_that_declares_itself_too_large_is_refused_unread() -> None:
    response = call("POST", "/v1/raw", content=b"x" * (LIMIT_BYTES + 1))
    assert problem(response)["limit_bytes"] == LIMIT_BYTES
    assert response.status_code == 413


def test_a_body_that_grows_too_large_is_refused_though_it_declares_nothing() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b'["xxxxxxxxxxx"'

    response = call("POST", "/v1/tickets/1", content=chunks(), headers={"content-type": "application/json"})
    assert problem(response)["status"] == 413


def test_a_body_of_just_the_limit_is_taken() -> None:
    response = call("POST", "/v1/raw", content=b"x" * LIMIT_BYTES, headers={"content-type": "application/octet-stream"})
    assert response.status_code != 413


@pytest.mark.parametrize(("path", "seconds"), [("/v1/kafka", "2"), ("/v1/redis", "9")])
def test_a_missing_backing_service_is_answered_with_when_to_try_again(path: str, seconds: str) -> None:
    response = call("GET", path)
    assert (problem(response)["status"], response.headers["retry-after"]) == (503, seconds)


def test_our_mistakes_are_answered_with_a_trace_id_and_nothing_of_the_inside() -> None:
    response = call("GET", "/v1/broken")
    document = problem(response)
    assert document["status"] == 500
    assert document["trace_id"] == trace_id_of(response.headers["traceparent"])
    assert "zhang.san" not in response.text
    assert "RuntimeError" not in response.text


def test_a_trace_context_is_continued_and_handed_to_the_route() -> None:
    incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    response = call("GET", "/v1/trace", headers={"traceparent": incoming})
    assert response.json() == response.headers["traceparent"]
    assert trace_id_of(response.json()) == trace_id_of(incoming)


def token(*roles: str) -> dict[str, str]:
    signed = issue_access(
        SECRET, tenant="acme", subject="li-wei", roles=set(roles), now=NOW, expires_at=NOW + timedelta(hours=1)
    )
    return {"authorization": f"Bearer {signed}"}


def test_a_caller_without_a_token_is_told_to_send_one() -> None:
    response = call("GET", "/v1/me")
    assert problem(response)["status"] == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="aftercare"'


def test_a_caller_with_a_bad_token_is_told_to_get_another() -> None:
    response = call("GET", "/v1/me", headers={"authorization": "Bearer nonsense"})
    assert problem(response)["status"] == 401
    assert "invalid_token" in response.headers["www-authenticate"]


def test_a_caller_is_who_the_token_says() -> None:
    assert call("GET", "/v1/me", headers=token()).json() == "li-wei"


def test_a_caller_without_the_role_is_told_which_one_it_takes() -> None:
    assert "lead" in problem(call("GET", "/v1/leads", headers=token("agent")))["detail"]
    assert call("GET", "/v1/leads", headers=token("lead", "agent")).status_code == 200


def test_requests_are_counted_by_the_route_and_not_by_the_address() -> None:
    labels = {"method": "POST", "route": "/v1/tickets/{number}", "status": "200"}
    before = counted(**labels)
    for number in range(3):
        call("POST", f"/v1/tickets/{number}", json={"title": "t", "customer": {"email": "e"}})
    assert counted(**labels) - before == 3


def test_requests_that_meet_no_route_share_one_label() -> None:
    labels = {"method": "GET", "route": "none", "status": "404"}
    before = counted(**labels)
    call("GET", "/a")
    call("GET", "/b")
    assert counted(**labels) - before == 2


def test_made_up_methods_share_one_label() -> None:
    labels = {"method": "other", "route": "none", "status": "404"}
    before = counted(**labels)
    call("BREW", "/a")
    call("WHEN", "/b")
    assert counted(**labels) - before == 2
