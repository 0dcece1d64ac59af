"""The survey page over HTTP, with a sender that only remembers."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from schemas import envelope
from schemas.feedback import SurveyAnswered
from schemas.topics import FEEDBACK_ANSWERS
from schemas.vocabulary import Channel, Language
from services._runtime.unavailable import KafkaUnavailable
from services._runtime.web.language import language_of
from services._runtime.web.tokens import AUDIENCE_PROGRESS
from services.feedback.api.words import EN, WORDS, ZH_CN
from tests.unit.feedback.survey_site import NOON, SURVEY, TICKET, SurveySite, token


class Remembering:
    """Keeps what it is given, or does not get through."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bytes]] = []
        self.down = False

    async def send(self, topic: str, key: str, value: bytes | None) -> object:
        if self.down:
            raise KafkaUnavailable("no broker answers", retry_after_seconds=7)
        assert value is not None
        self.sent.append((topic, key, value))
        return None


@pytest.fixture
def sender() -> Remembering:
    return Remembering()


@pytest.fixture
def site(sender: Remembering) -> SurveySite:
    return SurveySite(sender)


def answer_in(value: bytes) -> SurveyAnswered:
    head = envelope.decode_head(value)
    answer: SurveyAnswered = envelope.decode_data(head.type, head.data)
    return answer


# ── the question ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_link_shows_the_question_in_the_readers_language(site: SurveySite) -> None:
    chinese = site.get(f"/survey/{token()}")
    english = site.get(f"/survey/{token()}", headers={"accept-language": "en-GB,en;q=0.8,zh;q=0.1"})
    assert (chinese.status_code, english.status_code) == (200, 200)
    assert ZH_CN["question"] in chinese.text
    assert EN["question"] in english.text
    assert TICKET in chinese.text


def test_the_address_may_ask_for_the_other_language(site: SurveySite) -> None:
    page = site.get(f"/survey/{token()}?lang=en", headers={"accept-language": "zh-CN"})
    assert EN["question"] in page.text
    assert 'href="?lang=zh-CN"' in page.text


def test_the_page_offers_five_scores_and_fits_a_phone(site: SurveySite) -> None:
    page = site.get(f"/survey/{token()}").text
    assert re.findall(r'name="csat" value="(\d)"', page) == ["1", "2", "3", "4", "5"]
    assert 'name="viewport"' in page
    assert "<script" not in page


def test_the_page_is_neither_kept_nor_indexed_nor_told_to_others(site: SurveySite) -> None:
    headers = site.get(f"/survey/{token()}").headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert "default-src 'none'" in headers["content-security-policy"]


def test_looking_at_the_page_answers_nothing(site: SurveySite, sender: Remembering) -> None:
    site.get(f"/survey/{token()}")
    assert sender.sent == []


def test_the_stylesheet_is_served(site: SurveySite) -> None:
    style = site.get("/assets/survey.css")
    assert style.headers["content-type"].startswith("text/css")


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_form_becomes_an_answer_and_is_thanked_for(site: SurveySite, sender: Remembering) -> None:
    page = site.post(f"/survey/{token()}?lang=en", data={"csat": "4", "comment": "  好，谢谢 "})
    assert (page.status_code, EN["thanks"] in page.text) == (200, True)
    [(topic, key, value)] = sender.sent
    assert (topic, key) == (FEEDBACK_ANSWERS.name, TICKET)
    answer = answer_in(value)
    assert (answer.ticket_id, answer.survey_id, answer.channel) == (TICKET, SURVEY, Channel.SURVEY)
    assert (answer.csat, answer.nps, answer.comment) == (4, None, "好，谢谢")


def test_an_answer_states_when_and_for_whom_it_was_received(site: SurveySite, sender: Remembering) -> None:
    site.clock.advance(timedelta(minutes=5))
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    site.post(f"/survey/{token()}", json={"csat": 4}, headers={"traceparent": traceparent})
    head = envelope.decode_head(sender.sent[0][2])
    assert (head.time, head.tenant, head.subject) == (NOON + timedelta(minutes=5), "acme", TICKET)
    assert head.traceparent is not None
    assert head.traceparent.split("-")[1] == traceparent.split("-")[1]


def test_the_same_answer_again_is_the_same_event_and_another_one_is_not(site: SurveySite, sender: Remembering) -> None:
    for csat in (4, 4, 2):
        site.post(f"/survey/{token()}", data={"csat": str(csat)})
    first, again, other = (envelope.decode_head(value).id for _, _, value in sender.sent)
    assert first == again != other


def test_json_is_received_with_both_scores(site: SurveySite, sender: Remembering) -> None:
    received = site.post(f"/survey/{token()}", json={"csat": 5, "nps": 9, "comment": "ok"})
    assert (received.status_code, received.json()["survey_id"]) == (202, SURVEY)
    assert answer_in(sender.sent[0][2]).nps == 9


@pytest.mark.parametrize("fields", [{}, {"comment": "just words"}, {"csat": "6"}, {"csat": "good"}, {"csat": ""}])
def test_a_form_without_a_score_is_shown_again_with_what_was_entered(
    site: SurveySite, sender: Remembering, fields: dict[str, str]
) -> None:
    page = site.post(f"/survey/{token()}", data=fields)
    assert (page.status_code, ZH_CN["no_score"] in page.text) == (422, True)
    assert fields.get("comment", "") in page.text
    assert sender.sent == []


def test_a_comment_beyond_the_limit_is_shown_again(site: SurveySite, sender: Remembering) -> None:
    page = site.post(f"/survey/{token()}", data={"csat": "3", "comment": "长" * 2_001})
    assert (page.status_code, ZH_CN["too_long"] in page.text) == (422, True)
    assert re.search(r'value="3" required checked', page.text)
    assert sender.sent == []


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"csat": 0}', b'{"csat": "4"}', b'{"csat": true}', b'{"csat": 4, "extra": 1}', b"{", b'{"nps": 11}'],
)
def test_json_that_is_no_answer_is_a_problem(site: SurveySite, sender: Remembering, body: bytes) -> None:
    refused = site.post(f"/survey/{token()}", content=body, headers={"content-type": "application/json"})
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert sender.sent == []


def test_what_was_entered_is_escaped_when_it_is_shown_again(site: SurveySite) -> None:
    page = site.post(f"/survey/{token()}", data={"comment": "</textarea><script>alert(1)</script>"})
    assert "<script" not in page.text


def test_a_file_in_the_form_is_no_answer(site: SurveySite, sender: Remembering) -> None:
    page = site.post(f"/survey/{token()}", files={"csat": ("csat.txt", b"5")})
    assert page.status_code in {400, 422}
    assert sender.sent == []


# ── when Kafka is away ──────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_is_thanked_before_the_answer_is_safe(site: SurveySite, sender: Remembering) -> None:
    sender.down = True
    page = site.post(f"/survey/{token()}", data={"csat": "2", "comment": "还没好"})
    assert (page.status_code, page.headers["retry-after"]) == (503, "7")
    assert ZH_CN["try_again"] in page.text
    assert "还没好" in page.text
    assert re.search(r'value="2" required checked', page.text)


def test_a_program_is_told_to_come_again(site: SurveySite, sender: Remembering) -> None:
    sender.down = True
    problem = site.post(f"/survey/{token()}", json={"csat": 2})
    assert (problem.status_code, problem.headers["retry-after"]) == (503, "7")
    assert problem.headers["content-type"] == "application/problem+json"


# ── links ───────────────────────────────────────────────────────────────────────────────────────────────────────────

FORGED = {
    "not a token": "x",
    "signed by nobody": token()[:-4] + "AAAA",
    "for the progress page": token(audience=AUDIENCE_PROGRESS),
    "without a survey": token(subject=TICKET),
    "with an empty survey": token(subject=f"{TICKET}/"),
    "expired and for another page": token(audience=AUDIENCE_PROGRESS, hours=-1),
}


@pytest.mark.parametrize("link", FORGED.values(), ids=list(FORGED))
def test_a_link_that_is_not_ours_opens_nothing(site: SurveySite, sender: Remembering, link: str) -> None:
    shown = site.get(f"/survey/{link}")
    answered = site.post(f"/survey/{link}", data={"csat": "5"})
    program = site.post(f"/survey/{link}", json={"csat": 5})
    assert [each.status_code for each in (shown, answered, program)] == [404, 404, 404]
    assert ZH_CN["forged"] in shown.text
    assert EN["forged"] in shown.text
    assert program.json()["type"] == "urn:aftercare:problem:no-such-survey"
    assert sender.sent == []


def test_an_expired_link_says_so_in_both_languages(site: SurveySite, sender: Remembering) -> None:
    link = token(hours=1)
    site.clock.advance(timedelta(hours=1))
    shown = site.get(f"/survey/{link}")
    answered = site.post(f"/survey/{link}", data={"csat": "5"})
    program = site.post(f"/survey/{link}", json={"csat": 5})
    assert [each.status_code for each in (shown, answered, program)] == [410, 410, 410]
    assert ZH_CN["expired"] in answered.text
    assert EN["expired"] in answered.text
    assert program.json()["type"] == "urn:aftercare:problem:survey-expired"
    assert sender.sent == []


# ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_language_says_everything() -> None:
    assert set(WORDS) == set(Language)
    assert ZH_CN.keys() == EN.keys()
    assert all(text.strip() for words in WORDS.values() for text in words.values())


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        (None, None, Language.ZH_CN),
        ("en", "zh-CN", Language.EN),
        ("zh-CN", "en", Language.ZH_CN),
        ("fr", "en-US", Language.EN),
        (None, "fr;q=1, zh-TW;q=0.5, en;q=0.2", Language.ZH_CN),
        (None, "fr", Language.ZH_CN),
        (None, "enm", Language.ZH_CN),
    ],
)
def test_the_language_is_what_the_reader_asks_for(asked: str | None, accepted: str | None, language: Language) -> None:
    assert language_of(asked, accepted or "") is language
