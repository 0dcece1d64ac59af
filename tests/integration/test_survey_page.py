"""An answer on the survey page reaches a real Kafka before it is thanked for."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic

from schemas import envelope
from schemas.feedback import SurveyAnswered
from schemas.partition import partition_of
from schemas.topics import FEEDBACK_ANSWERS
from services._runtime.kafka.producer import EventProducer
from services.feedback.api.words import EN, ZH_CN
from tests.stack import PARTITIONS
from tests.unit.feedback.survey_site import SURVEY, TICKET, SurveySite, token

pytestmark = pytest.mark.integration

NOBODY = "127.0.0.1:1"
WAIT_SECONDS = 30.0


def make_topic(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    if FEEDBACK_ANSWERS.name not in admin.list_topics(timeout=10).topics:
        admin.create_topics([NewTopic(FEEDBACK_ANSWERS.name, PARTITIONS, 1)])[FEEDBACK_ANSWERS.name].result(timeout=20)


def records(bootstrap: str, number: int) -> list[Any]:
    """The first `number` records of the topic, read by an ordinary consumer."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "survey-page-test", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([FEEDBACK_ANSWERS.name])
    try:
        found: list[Any] = []
        while len(found) < number:
            message = consumer.poll(WAIT_SECONDS)
            assert message is not None, f"{len(found)} of {number} records came"
            assert message.error() is None
            found.append(message)
        return found
    finally:
        consumer.close()


def visit(bootstrap: str, *requests: dict[str, Any]) -> list[httpx.Response]:
    """Post `requests` to the survey one after the other, with a producer of its own."""

    async def scene() -> list[httpx.Response]:
        producer = EventProducer(bootstrap, client_id="survey-test", delivery_timeout_seconds=2)
        site = SurveySite(producer)
        try:
            return [await site.exchange("POST", f"/survey/{token()}", **request) for request in requests]
        finally:
            await producer.stop()

    return asyncio.run(asyncio.wait_for(scene(), WAIT_SECONDS))


def test_answers_are_in_kafka_when_they_are_thanked_for(local_kafka: str) -> None:
    make_topic(local_kafka)
    form, program = visit(
        local_kafka, {"data": {"csat": "2", "comment": "还没好"}}, {"json": {"csat": 5}, "headers": {"accept": "*/*"}}
    )
    assert (form.status_code, program.status_code) == (200, 202)
    assert ZH_CN["thanks"] in form.text
    first, second = records(local_kafka, 2)
    assert first.key() == second.key() == TICKET.encode()
    assert first.partition() == partition_of(TICKET.encode(), len(partitions(local_kafka)))
    assert first.headers() == [envelope.CONTENT_TYPE_HEADER]
    event = json.loads(first.value())
    assert (event["type"], event["tenant"], event["subject"]) == (SurveyAnswered.type_name, "acme", TICKET)
    assert event["data"] == {
        "ticket_id": TICKET,
        "survey_id": SURVEY,
        "channel": "survey",
        "csat": 2,
        "comment": "还没好",
    }
    assert SurveyAnswered.closed_validate(event["data"]).csat == 2


def partitions(bootstrap: str) -> dict[int, Any]:
    topic = AdminClient({"bootstrap.servers": bootstrap}).list_topics(FEEDBACK_ANSWERS.name, timeout=10)
    found: dict[int, Any] = topic.topics[FEEDBACK_ANSWERS.name].partitions
    return found


def test_without_kafka_the_customer_keeps_what_they_wrote_and_is_asked_to_send_again() -> None:
    form, program = visit(
        NOBODY,
        {"data": {"csat": "1", "comment": "call me"}, "headers": {"accept-language": "en"}},
        {"json": {"csat": 1}},
    )
    assert (form.status_code, program.status_code) == (503, 503)
    assert int(form.headers["retry-after"]) > 0
    assert int(program.headers["retry-after"]) > 0
    assert EN["try_again"] in form.text
    assert "call me" in form.text
    assert program.headers["content-type"] == "application/problem+json"
