from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from schemas.vocabulary import Language
from services.notifier.adapters.package_data import load_library
from services.notifier.domain.content import (
    SUBJECT_CHARACTERS_MAX,
    TEMPLATE_CHARACTERS_MAX,
    VALUE_CHARACTERS_MAX,
    InvalidTemplate,
    compile_template,
    split,
    wall_time,
)
from services.notifier.domain.nodes import Node, Voice

LIBRARY = load_library()
FACTS = {"ticket_id": "T-1", "subject_line": "s", "progress_url": "https://help.example/progress/x"}


def told(node: Node, voice: Voice) -> bool:
    """Tell whether the package has the templates."""
    return not LIBRARY.missing({(node, voice)})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{{ nope }}", "unknown variables: nope"),
        ("{{ reply", "line 1"),
        ("{% for x in 'abc' %}{% endfor %}", "for is not allowed"),
        ("{{ reply.upper() }}", "is not allowed"),
        ("{{ reply.__class__ }}", "getattr is not allowed"),
        ("{{ reply['x'] }}", "getitem is not allowed"),
        ("{{ 'x' * 1000000000 }}", "mul is not allowed"),
        ("{{ 2 ** 100000000 }}", "pow is not allowed"),
        ("{% set x = 1 %}", "assign is not allowed"),
        ("{% include 'x' %}", "include is not allowed"),
        ("{% macro x() %}{% endmacro %}", "macro is not allowed"),
        ("{{ reply|center(1000000000) }}", "the filter center is not allowed"),
        ("{{ reply|truncate('x') }}", "a filter can't be run"),
        ("{{ reply|truncate(1) }}", "a filter can't be run"),
        ("x" * (TEMPLATE_CHARACTERS_MAX + 1), "longer than"),
    ],
)
def test_a_template_that_could_harm_or_fail_is_refused_when_it_is_compiled(text: str, complaint: str) -> None:
    with pytest.raises(InvalidTemplate, match=r"opened\.customer\.en") as refused:
        compile_template("opened.customer.en", "fine", text)
    assert complaint in str(refused.value)
    with pytest.raises(InvalidTemplate):
        compile_template("opened.customer.en", text, "fine")


def test_conditions_and_a_few_filters_are_allowed() -> None:
    template = compile_template("x", "s", "{% if level == 'L2' and not reason %}{{ reply|trim|upper }}{% endif %}")
    assert template.body.render(level="L2", reason="", reply=" yes ") == "YES"


@pytest.mark.parametrize("text", ["no subject", "Subject: x\nbody at once", "subject: x\n\nbody"])
def test_a_file_that_does_not_begin_with_its_subject_is_refused(text: str) -> None:
    with pytest.raises(InvalidTemplate, match="begins with a line"):
        split("opened.customer.en", text)


def test_a_subject_stays_one_line_whatever_the_customer_wrote() -> None:
    facts = FACTS | {"subject_line": "a\r\nBcc: b@c.example\n\x00\u2028d\t e"}
    message = LIBRARY.render(Node.OPENED, Voice.CUSTOMER, Language.EN, facts)
    assert message.subject == "[T-1] We have received your request: a Bcc: b@c.example d e"


def test_a_long_subject_is_cut_behind_the_ticket_id() -> None:
    facts = FACTS | {"subject_line": "长" * 1_000}
    subject = LIBRARY.render(Node.OPENED, Voice.CUSTOMER, Language.ZH_CN, facts).subject
    assert subject.startswith("[T-1] ")
    assert len(subject) == SUBJECT_CHARACTERS_MAX


def test_values_are_text_and_never_templates_nor_markup() -> None:
    facts = FACTS | {"reply": "{{ ticket_id }} <b>&amp; {% if %}"}
    body = LIBRARY.render(Node.REPLIED, Voice.CUSTOMER, Language.EN, facts).body
    assert "{{ ticket_id }} <b>&amp; {% if %}" in body


def test_a_message_too_long_is_refused_and_not_half_sent() -> None:
    template = compile_template("x", "s", "{{ reply }}{{ reply }}{{ reply }}")
    with pytest.raises(InvalidTemplate, match="more than"):
        LIBRARY.render(
            Node.REPLIED, Voice.CUSTOMER, Language.EN, FACTS | {"reply": "x" * VALUE_CHARACTERS_MAX}, template
        )


def test_control_characters_and_foreign_line_ends_do_not_reach_a_body() -> None:
    facts = FACTS | {"reply": "a\r\nb\rc\x00\x1b[31md\te"}
    body = LIBRARY.render(Node.REPLIED, Voice.CUSTOMER, Language.EN, facts).body
    assert "a\nb\nc[31md\te" in body


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(("node", "voice"), [(node, voice) for node in Node for voice in Voice if told(node, voice)])
def test_every_template_also_reads_well_without_the_facts_that_may_lack(
    node: Node, voice: Voice, language: Language
) -> None:
    certain = FACTS | {"reply": "r", "solution": "s", "survey_url": "u"}
    message = LIBRARY.render(node, voice, language, certain)
    assert "None" not in message.body
    assert "\n\n\n\n" not in message.body
    assert all(len(line) < 900 for line in message.body.splitlines())


def test_a_target_without_a_word_stands_for_itself() -> None:
    facts = FACTS | {"target": "house_rule"}
    assert "house_rule" in LIBRARY.render(Node.SLA_BREACHED, Voice.STAFF, Language.ZH_CN, facts).subject


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Asia/Shanghai", "2026-07-01 20:00 (UTC+08:00)"),
        ("America/New_York", "2026-07-01 08:00 (UTC-04:00)"),
        ("UTC", "2026-07-01 12:00 (UTC+00:00)"),
        ("Asia/Kolkata", "2026-07-01 17:30 (UTC+05:30)"),
    ],
)
def test_times_name_their_offset(zone: str, text: str) -> None:
    assert wall_time(datetime(2026, 7, 1, 12, tzinfo=UTC), ZoneInfo(zone)) == text
