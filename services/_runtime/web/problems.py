"""Errors over HTTP as problem documents (RFC 9457): what is wrong, where, and what to do about it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from services._runtime.unavailable import Unavailable

MEDIA_TYPE: Final = "application/problem+json"
ERRORS_MAX: Final = 50
"""Longer lists of validation errors are cut: past that many, the reader needs the schema, not another line."""

_TITLES: Final = {
    400: "The request can't be read",
    401: "Who are you?",
    403: "Not allowed",
    404: "There is nothing here",
    405: "This method is not offered here",
    409: "In conflict with the current state",
    413: "The request is too large",
    415: "This media type is not accepted",
    422: "The request is not valid",
    429: "Too many requests",
    500: "Our mistake",
    503: "Not available now",
}
_REMEDIES: Final = {
    "missing": "Send this field.",
    "extra_forbidden": "Leave this field out; check its spelling.",
    "json_invalid": "Send valid JSON in UTF-8.",
    "enum": "Send one of the values named in the problem.",
    "literal_error": "Send one of the values named in the problem.",
    "timezone_aware": "Send a time with its zone, as in 2026-01-31T08:00:00+08:00.",
    "string_too_long": "Send a shorter text.",
    "string_too_short": "Send a longer text.",
}
_REMEDY_OTHERWISE: Final = "Send a value of the form the API description gives for this field."


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """Raise it anywhere under a request to answer with a problem document.

    Args:
        status: HTTP status.
        code: stable word for programs; the document's `type` is `urn:aftercare:problem:<code>`.
        detail: one or two sentences: what is wrong with this request and what to do. No personal data.
        extra: further members of the document.
        headers: further response headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """The JSON object that is sent."""
        return {
            "type": f"urn:aftercare:problem:{self.code}",
            "title": _TITLES.get(self.status, "The request failed"),
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }

    def response(self) -> JSONResponse:
        """The whole HTTP response."""
        return JSONResponse(self.document(), self.status, headers=self.headers, media_type=MEDIA_TYPE)


def answer_with_problems(web: FastAPI) -> None:
    """Make every error of `web` a problem document."""
    web.add_exception_handler(Problem, _on_problem)
    web.add_exception_handler(RequestValidationError, _on_invalid)
    web.add_exception_handler(HTTPException, _on_http_error)
    web.add_exception_handler(Unavailable, _on_unavailable)


def too_large(limit_bytes: int) -> Problem:
    """413, with the limit."""
    return Problem(413, "too-large", f"Send at most {limit_bytes} bytes.", extra={"limit_bytes": limit_bytes})


def server_error() -> Problem:
    """500: says nothing of the inside; the log has the rest under the same trace id."""
    return Problem(500, "server-error", "Try again; if it stays, give the trace id to whoever runs this service.")


async def _on_problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class alone
    return error.response()


async def _on_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class alone
    errors = [_field_error(item) for item in error.errors()[:ERRORS_MAX]]
    where = ", ".join(str(item.get("pointer") or item.get("parameter")) for item in errors[:5])
    detail = f"Correct what `errors` names ({where}) and send the request again."
    return Problem(422, "validation", detail, extra={"errors": errors}).response()


async def _on_http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    code, detail = _http_words(error)
    return Problem(error.status_code, code, detail, headers=error.headers).response()


async def _on_unavailable(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Unavailable)  # noqa: S101 - registered for this class alone
    detail = f"{error.part} does not answer. Send the same request again: it will not be carried out twice."
    headers = {"Retry-After": str(error.retry_after_seconds)}
    return Problem(503, "unavailable", detail, headers=headers).response()


def _http_words(error: HTTPException) -> tuple[str, str]:
    if error.status_code == 404:  # noqa: PLR2004 - HTTP's numbers are their own names
        return "not-found", "Check the address; the API description lists what there is."
    if error.status_code == 405:  # noqa: PLR2004
        allowed = (error.headers or {}).get("allow") or (error.headers or {}).get("Allow") or "what Allow names"
        return "method-not-allowed", f"Use {allowed}."
    return f"http-{error.status_code}", str(error.detail)


def _field_error(item: Mapping[str, Any]) -> dict[str, str]:
    """One validation error of pydantic's, without the value that was sent: it may be personal."""
    kind, (place, *path) = str(item["type"]), tuple(item["loc"]) or ("body",)
    if kind == "json_invalid":
        path = []  # pydantic gives a character position here, which is no pointer
    named = (
        {"pointer": json_pointer(path)}
        if place == "body"
        else {"parameter": "/".join(str(part) for part in path), "in": str(place)}
    )
    return {**named, "code": kind, "problem": str(item["msg"]), "do": _REMEDIES.get(kind, _REMEDY_OTHERWISE)}


def json_pointer(path: Sequence[str | int]) -> str:
    """RFC 6901, as a URI fragment: `#/customer/email`; the whole document is `#`."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
