"""What the mail gateway reads out of mails as mail programs write them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import Language
from services._runtime.mail_reference import message_id
from services.intake.adapters.mail.message import BODY_CHARACTERS, REFERENCES_MAX, ParsedMail, UnreadableMail, parse

SECRET = "s" * 32
TICKET = "T-8ZKD-3M0Q-V7XA-2HRC"


def mail(*headers: str, body: bytes = b"My printer is broken.", sender: str = "Li Wei <li.wei@acme.example>") -> bytes:
    lines = [f"From: {sender}", "To: support@aftercare.example", *headers]
    return "\r\n".join(lines).encode("utf-8", errors="surrogateescape") + b"\r\n\r\n" + body


def read(raw: bytes) -> ParsedMail:
    return parse(raw, secret=SECRET, own_address="support@aftercare.example")


def test_a_plain_mail_gives_sender_subject_text_and_its_message_id() -> None:
    parsed = read(mail("Subject: Printer", "Message-ID: <abc@acme.example>"))
    assert (parsed.sender, parsed.sender_name) == ("li.wei@acme.example", "Li Wei")
    assert (parsed.subject, parsed.body) == ("Printer", "My printer is broken.")
    assert parsed.external_id == "abc@acme.example"
    assert parsed.automatic is None
    assert parsed.language is Language.EN


def test_a_mail_without_a_message_id_is_named_by_its_digest_the_same_each_time() -> None:
    raw = mail("Subject: Printer")
    assert read(raw).external_id == read(raw).external_id
    assert read(raw).external_id.startswith("digest-")
    assert read(raw).external_id != read(mail("Subject: Printers")).external_id


@pytest.mark.parametrize("charset", ["gb2312", "gbk", "gb18030", "utf-8", "big5"])
def test_chinese_text_is_read_in_whatever_charset_it_declares(charset: str) -> None:
    text = "打印机坏了，请尽快处理" if charset != "big5" else "印表機壞了"
    encoded = base64.b64encode(text.encode(charset)).decode()
    parsed = read(
        mail(
            f"Subject: =?{charset}?B?{encoded}?=",
            f"Content-Type: text/plain; charset={charset}",
            "Content-Transfer-Encoding: base64",
            body=encoded.encode(),
        )
    )
    assert parsed.subject == text
    assert parsed.body == text
    assert parsed.language is Language.ZH_CN


def test_characters_of_gbk_are_read_where_a_mail_claims_the_smaller_gb2312() -> None:
    text = "镕基与囍字"
    raw = mail("Content-Type: text/plain; charset=gb2312", "Content-Transfer-Encoding: 8bit", body=text.encode("gbk"))
    assert read(raw).body == text


def test_raw_bytes_in_headers_and_body_without_any_charset_are_guessed() -> None:
    raw = (
        b"From: li@acme.example\r\nSubject: " + "系统无法登录".encode("gbk") + b"\r\n\r\n" + "请帮忙".encode("gb18030")
    )
    parsed = read(raw)
    assert parsed.subject == "系统无法登录"
    assert parsed.body == "请帮忙"


def test_broken_bytes_cost_the_broken_characters_only() -> None:
    raw = mail("Content-Type: text/plain; charset=utf-8", body=b"order \xff\xfe 4711")
    assert "order" in read(raw).body
    assert "4711" in read(raw).body


def test_an_unknown_charset_is_guessed() -> None:
    raw = mail("Content-Type: text/plain; charset=x-nonsense", body="你好".encode())
    assert read(raw).body == "你好"


def test_html_is_read_as_its_visible_text() -> None:
    html = b"<html><head><style>p{}</style></head><body><p>Hello,</p><script>x()</script><p>it is &lt;broken&gt;</p>"
    assert read(mail("Content-Type: text/html; charset=utf-8", body=html)).body == "Hello,\n\nit is <broken>"


def test_plain_text_is_preferred_to_html_and_attachments_are_counted() -> None:
    body = (
        b'--b\r\nContent-Type: multipart/alternative; boundary="c"\r\n\r\n'
        b"--c\r\nContent-Type: text/plain\r\n\r\nplain words\r\n"
        b"--c\r\nContent-Type: text/html\r\n\r\n<b>html words</b>\r\n--c--\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n"
        b'--b\r\nContent-Type: text/plain; name="log.txt"\r\nContent-Disposition: attachment\r\n\r\nlog\r\n--b--\r\n'
    )
    parsed = read(mail('Content-Type: multipart/mixed; boundary="b"', body=body))
    assert parsed.body == "plain words"
    assert parsed.attachments == 2


def test_a_mail_whose_end_is_missing_is_read_as_far_as_it_goes() -> None:
    body = b"--b\r\nContent-Type: text/plain\r\n\r\nfirst words\r\n--b\r\nContent-Type: image/png\r\n\r\niVBOR"
    parsed = read(mail('Content-Type: multipart/mixed; boundary="b"', body=body))
    assert parsed.body == "first words"


def test_long_texts_are_cut_and_say_so() -> None:
    parsed = read(mail("Subject: " + "s" * 2_000, body=b"x" * 300_000))
    assert len(parsed.body) == BODY_CHARACTERS
    assert parsed.body.endswith("[…]")
    assert len(parsed.subject) == 500


def test_a_signed_reference_names_its_ticket_before_anything_else() -> None:
    signed = message_id(SECRET, TICKET, "delivery-1", "aftercare.example")
    parsed = read(mail("In-Reply-To: <other@acme.example>", f"References: <root@acme.example> {signed}"))
    assert parsed.ticket_id == TICKET
    assert parsed.conversation == TICKET


def test_a_signed_reference_is_read_even_where_a_program_encoded_it_as_words() -> None:
    signed = message_id(SECRET, TICKET, "delivery-1", "aftercare.example")
    half = len(signed) // 2
    header = f"In-Reply-To: =?utf-8?q?{signed[:half]}?=\r\n =?utf-8?q?{signed[half:]}?="
    assert read(mail(header)).ticket_id == TICKET


def test_a_reference_with_a_forged_signature_names_no_ticket() -> None:
    signed = message_id("someone-elses-secret-of-enough-length", TICKET, "delivery-1", "aftercare.example")
    assert read(mail(f"In-Reply-To: {signed}")).ticket_id is None


def test_all_mails_of_a_thread_have_the_conversation_of_its_root() -> None:
    second = read(mail("References: <root@a.example>", "In-Reply-To: <root@a.example>", "Subject: Re: Printer"))
    third = read(
        mail("References: <root@a.example> <second@a.example>", "In-Reply-To: <second@a.example>", "Subject: AW: x")
    )
    assert second.conversation == third.conversation
    assert third.references == ("second@a.example", "root@a.example")


@pytest.mark.parametrize("mark", ["Re: ", "RE: Re[2]: ", "回复：", "答复: 转发：", "Fwd: "])
def test_without_references_sender_and_subject_hold_a_thread_together(mark: str) -> None:
    assert read(mail("Subject: Printer")).conversation == read(mail(f"Subject: {mark}printer")).conversation


def test_the_same_subject_of_another_sender_is_another_conversation() -> None:
    other = read(mail("Subject: Printer", sender="wang@acme.example"))
    assert other.conversation != read(mail("Subject: Printer")).conversation


def test_no_conversation_holds_an_address_or_a_subject() -> None:
    conversation = read(mail("Subject: Printer")).conversation
    assert "acme" not in conversation
    assert "printer" not in conversation


def test_endless_references_are_cut_but_keep_the_root() -> None:
    ids = " ".join(f"<{number}@a.example>" for number in range(300))
    parsed = read(mail(f"References: {ids}"))
    assert len(parsed.references) == REFERENCES_MAX
    assert parsed.references[-1] == "0@a.example"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("Auto-Submitted: auto-replied (vacation)", "Auto-Submitted: auto-replied"),
        ("Auto-Submitted: auto-generated; owner-email=x@y.example", "Auto-Submitted: auto-generated"),
        ("Return-Path: <>", "null sender"),
        ("Precedence: bulk", "Precedence: bulk"),
        ("Precedence: auto_reply", "Precedence: auto_reply"),
        ("X-Autoreply: yes", "X-Autoreply"),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=b", "report: delivery-status"),
    ],
)
def test_mail_that_no_person_wrote_says_why(header: str, reason: str) -> None:
    assert read(mail(header)).automatic == reason


@pytest.mark.parametrize("header", ["Auto-Submitted: no", "Return-Path: <li.wei@acme.example>", "Precedence: normal"])
def test_mail_of_people_is_not_automatic(header: str) -> None:
    assert read(mail(header)).automatic is None


def test_our_own_mail_that_comes_back_is_automatic() -> None:
    assert read(mail(sender="Support <Support@Aftercare.Example>")).automatic == "our own mail"


def test_a_bounce_without_a_sender_is_still_read() -> None:
    parsed = read(mail("Return-Path: <>", sender=""))
    assert parsed.automatic == "null sender"


def test_a_mail_without_anyone_to_answer_to_is_unreadable() -> None:
    with pytest.raises(UnreadableMail):
        read(mail(sender="undisclosed"))


def test_an_encoded_name_with_a_comma_in_it_stays_one_sender() -> None:
    name = base64.b64encode("李伟, 运维".encode()).decode()
    parsed = read(mail(sender=f"=?utf-8?B?{name}?= <Li.Wei@ACME.example>"))
    assert (parsed.sender, parsed.sender_name) == ("li.wei@acme.example", "李伟, 运维")


def test_control_characters_do_not_get_into_a_request() -> None:
    parsed = read(mail("Subject: =?utf-8?B?" + base64.b64encode(b"a\x00b\x1bc").decode() + "?=", body=b"x\x00y\r\nz"))
    assert parsed.subject == "abc"
    assert parsed.body == "xy\nz"


@given(st.binary(max_size=2_000))
def test_no_bytes_at_all_make_reading_fail_otherwise_than_as_unreadable(noise: bytes) -> None:
    for raw in (noise, b"From: a@b.example\r\n" + noise, mail("Content-Type: text/html", body=noise)):
        try:
            read(raw).body.encode()
        except UnreadableMail:
            continue
