"""`/survey/{token}`: the question on a page, and its answer by form or JSON.

An answer is thanked for once Kafka has it. Whether it counts is the processor's to say: who answers twice is thanked
twice, and the second answer is refused on `ticket.feedback`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import SecretStr, ValidationError
from starlette.datastructures import UploadFile

from schemas.vocabulary import Language
from services._runtime.clock import Clock
from services._runtime.unavailable import Unavailable
from services._runtime.web.edge import traceparent_of
from services._runtime.web.language import language_of
from services._runtime.web.problems import Problem
from services.feedback.api.answers import Answer, Sender, send_answer
from services.feedback.api.links import LinkExpired, LinkForged, SurveyLink, open_survey
from services.feedback.api.pages import SurveyPages
from services.feedback.api.words import EN, ZH_CN

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
_FORM_FIELDS_MAX: Final = 8
_ANSWER_SCHEMA: Final = Answer.model_json_schema()
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": _ANSWER_SCHEMA}, FORM: {"schema": _ANSWER_SCHEMA}},
    }
}
_NO_SURVEY: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "The link is not one of ours."},
    410: {"description": "The link was good until its survey expired."},
}

_Token = Annotated[str, Path(min_length=1, max_length=4_096)]
_Lang = Annotated[str | None, Query(max_length=16)]


class SurveyApi:
    """What the routes need: the key of links, the producer, the clock and the pages."""

    def __init__(self, *, secret: SecretStr, sender: Sender, clock: Clock, pages: SurveyPages) -> None:
        self.pages = pages
        self._secret = secret
        self._sender = sender
        self._clock = clock

    def open(self, token: str) -> SurveyLink:
        """The survey of a link; raises `LinkExpired` or `LinkForged`."""
        return open_survey(self._secret, token, now=self._clock.now())

    async def take_json(self, request: Request, token: str) -> Response:
        """Answer by JSON: 202 once it is safe, a problem document for all else."""
        try:
            link = self.open(token)
        except LinkExpired:
            raise Problem(410, "survey-expired", f"{EN['expired']} {ZH_CN['expired']}") from None
        except LinkForged:
            raise Problem(404, "no-such-survey", f"{EN['forged']} {ZH_CN['forged']}") from None
        try:
            answer = Answer.model_validate_json(await request.body(), strict=True)
        except ValidationError as error:
            raise RequestValidationError(_in_body(error)) from None
        await self._send(request, link, answer)
        return JSONResponse({"status": "received", "survey_id": link.survey_id}, 202)

    async def take_form(self, request: Request, token: str, language: Language) -> Response:
        """Answer by form: every outcome is a page, and what was entered is never lost."""
        try:
            link = self.open(token)
        except LinkExpired:
            return self.pages.no_survey("expired", language, 410)
        except LinkForged:
            return self.pages.no_survey("forged", language, 404)
        entered = await _fields_of(request)
        try:
            answer = Answer.model_validate({name: text for name, text in entered.items() if text})
        except ValidationError as error:
            problem = "too_long" if any("comment" in each["loc"] for each in error.errors()) else "no_score"
            return self.pages.question(link.ticket_id, language, entered=entered, problem=problem, status=422)
        try:
            await self._send(request, link, answer)
        except Unavailable as error:
            retry = {"Retry-After": str(error.retry_after_seconds)}
            return self.pages.question(
                link.ticket_id, language, entered=entered, problem="try_again", status=503, headers=retry
            )
        return self.pages.thanks(language)

    def show(self, token: str, language: Language) -> Response:
        """The question, or what is wrong with the link."""
        try:
            return self.pages.question(self.open(token).ticket_id, language)
        except LinkExpired:
            return self.pages.no_survey("expired", language, 410)
        except LinkForged:
            return self.pages.no_survey("forged", language, 404)

    async def _send(self, request: Request, link: SurveyLink, answer: Answer) -> None:
        await send_answer(
            self._sender, link, answer, received_at=self._clock.now(), traceparent=traceparent_of(request)
        )


def survey_routes(api: SurveyApi) -> APIRouter:
    """The routes of the survey page."""
    router = APIRouter(tags=["survey"])

    @router.get("/survey/{token}", responses=_NO_SURVEY, summary="The question, as a page")
    async def show_survey(request: Request, token: _Token, lang: _Lang = None) -> Response:
        return api.show(token, _language(request, lang))

    @router.post("/survey/{token}", responses=_NO_SURVEY, openapi_extra=_BODY, summary="The answer, by form or JSON")
    async def answer_survey(request: Request, token: _Token, lang: _Lang = None) -> Response:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type == JSON:
            return await api.take_json(request, token)
        return await api.take_form(request, token, _language(request, lang))

    @router.get("/assets/survey.css", include_in_schema=False)
    async def stylesheet() -> Response:
        headers = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(api.pages.stylesheet, media_type="text/css", headers=headers)

    return router


def _language(request: Request, lang: str | None) -> Language:
    return language_of(lang, request.headers.get("accept-language", ""))


async def _fields_of(request: Request) -> dict[str, str]:
    """The texts of a form's fields, the last of a name; files are no answer."""
    async with request.form(max_files=0, max_fields=_FORM_FIELDS_MAX) as form:
        texts = {name: text for name, text in form.items() if not isinstance(text, UploadFile)}
    return {name: texts[name] for name in Answer.model_fields if name in texts}


def _in_body(error: ValidationError) -> list[dict[str, Any]]:
    """Pydantic's errors as FastAPI reports those of a body."""
    return [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False, include_input=False)]
