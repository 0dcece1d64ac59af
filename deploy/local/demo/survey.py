"""The pages that a customer opens from a mail: progress and survey."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import aiohttp

from deploy.local.demo.claims import Claims


async def look_at(http: aiohttp.ClientSession, url: str, page: str, claims: Claims) -> None:
    """Open a page and note that it was seen. Raises aiohttp.ClientError when it can't be opened."""
    async with http.get(url, raise_for_status=True) as answer:
        await answer.read()
    claims.pages_seen[page] += 1


async def answer_survey(http: aiohttp.ClientSession, url: str, csat: int, comment: str) -> None:
    """Fill in the form of the survey page as a browser does, and send it. Raises aiohttp.ClientError."""
    async with http.get(url, raise_for_status=True) as page:
        form = SurveyForm(await page.text())
    fields = {**form.hidden, "csat": str(csat), "comment": comment}
    async with http.post(urljoin(url, form.action), data=fields, raise_for_status=True) as answer:
        await answer.read()


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
