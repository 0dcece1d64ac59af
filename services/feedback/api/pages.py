"""Draws the survey's pages. They work without JavaScript, on a phone, and in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from fastapi.responses import HTMLResponse

from schemas.vocabulary import Language
from services._runtime.web.language import OTHER
from services._runtime.web.templates import templates_of
from services.feedback.api.answers import COMMENT_CHARACTERS_MAX
from services.feedback.api.words import WORDS

SCORES: Final = (1, 2, 3, 4, 5)
_TEMPLATES: Final = resources.files("services.feedback").joinpath("templates")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    # The address is a key: it must not travel on to other sites, nor into a search engine.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class SurveyPages:
    """The question, the thanks, and what is said of a link that opens nothing."""

    def __init__(self) -> None:
        environment = templates_of("services.feedback")
        self._survey = environment.get_template("survey.html")
        self._notice = environment.get_template("notice.html")
        self.stylesheet = _TEMPLATES.joinpath("survey.css").read_text("utf-8")

    def question(
        self,
        ticket_id: str,
        language: Language,
        *,
        entered: Mapping[str, str] | None = None,
        problem: str | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """The form, with what was `entered` before and the `problem` (a key of `words`) that it met."""
        return self._answer(
            self._survey.render(
                **_common(language),
                ticket_id=ticket_id,
                scores=SCORES,
                entered=entered or {},
                problem=problem,
                comment_characters_max=COMMENT_CHARACTERS_MAX,
            ),
            status,
            headers,
        )

    def thanks(self, language: Language) -> HTMLResponse:
        """The answer is safe."""
        return self._answer(self._notice.render(**_common(language), subject="thanks", languages=[language]), 200)

    def no_survey(self, subject: str, language: Language, status: int) -> HTMLResponse:
        """A link that opens nothing (`expired` or `forged`), said in both languages: we can't know who reads it."""
        languages = [language, OTHER[language]]
        return self._answer(self._notice.render(**_common(language), subject=subject, languages=languages), status)

    def _answer(self, page: str, status: int, headers: Mapping[str, str] | None = None) -> HTMLResponse:
        return HTMLResponse(page, status, headers={**_HEADERS, **(headers or {})})


def _common(language: Language) -> dict[str, Any]:
    return {"words": WORDS, "language": language, "other_language": OTHER[language]}
