"""The pages that a customer opens from a mail: progress and survey."""

from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin

import httpx

from deploy.local.demo.claims import Claims

_REDIRECTS_MAX: Final = 3


async def look_at(http: httpx.AsyncClient, url: str, page: str, claims: Claims) -> None:
    """Open a page and note that it was seen. Raises httpx.HTTPError when it can't be opened."""
    (await http.get(url)).raise_for_status()
    claims.pages_seen[page] += 1


async def answer_survey(http: httpx.AsyncClient, url: str, csat: int, comment: str) -> None:
    """Fill in the form of the survey page as a browser does, and send it. Raises httpx.HTTPError."""
    page = await http.get(url)
    page.raise_for_status()
    form = SurveyForm(page.text)
    fields = {**form.hidden, "csat": str(csat), "comment": comment}
    answer = await http.post(urljoin(str(page.url), form.action), data=fields, follow_redirects=True)
    answer.raise_for_status()


class SurveyForm(HTMLParser):
    """The first form of a page: where it goes, and its hidden fields."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = values.get("action", "")
        if tag == "input" and values.get("type") == "hidden":
            self.hidden[values.get("name", "")] = values.get("value", "")
