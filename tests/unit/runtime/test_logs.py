"""Log lines as machines read them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from services._runtime.logs import REPEAT_SECONDS, RepeatLimit, configure_logging, get_logger, level_of, masked
from services._runtime.tracing import logged_trace, trace_id_of, traceparent_for

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, as text; puts logging back afterwards."""
    root, names = logging.getLogger(), ("aiokafka", "faust", "mode", "uvicorn", "httpx", "httpcore", "asyncio")
    before = (list(root.handlers), root.level, {name: logging.getLogger(name).level for name in names})
    stream = io.StringIO()
    configure_logging("info", service="router", instance="3", stream=stream)
    yield stream
    root.handlers[:], root.level = before[0], before[1]
    for name, level in before[2].items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


def parsed(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_a_stable_action(lines: io.StringIO) -> None:
    get_logger("services.router").info("partitions_assigned", count=8)
    (line,) = parsed(lines)
    assert line["action"] == "partitions_assigned"
    assert (line["count"], line["level"], line["service"], line["instance"]) == (8, "info", "router", "3")


def test_what_is_less_severe_than_asked_for_is_left_out(lines: io.StringIO) -> None:
    get_logger("services.router").debug("polled")
    assert parsed(lines) == []


def test_a_line_of_a_library_has_the_same_form(lines: io.StringIO) -> None:
    logging.getLogger("aiokafka.client").error("Unable to connect to %s", "broker")
    (line,) = parsed(lines)
    assert (line["action"], line["message"]) == ("library", "Unable to connect to broker")


def test_a_stack_trace_stays_on_its_line(lines: io.StringIO) -> None:
    try:
        raise ValueError("no such pool")  # noqa: TRY301 - the trace is what is tested
    except ValueError:
        get_logger("services.router").exception("decision_failed")
    (line,) = parsed(lines)
    assert "no such pool" in line["exception"]


def test_lines_under_a_trace_carry_its_id(lines: io.StringIO) -> None:
    with logged_trace(TRACEPARENT):
        get_logger("services.intake").info("request_accepted")
    get_logger("services.intake").info("idle")
    assert [line.get("trace_id") for line in parsed(lines)] == ["0af7651916cd43dd8448eb211c80319c", None]


def test_addresses_and_phone_numbers_are_masked_wherever_they_turn_up(lines: io.StringIO) -> None:
    try:
        raise ValueError("bad sender zhang.san@huaxin-bank.example")  # noqa: TRY301 - the trace is what is tested
    except ValueError:
        get_logger("services.intake").exception("mail_refused", to=["+8613800138000"], who={"phone": "13800138000"})
    text = lines.getvalue()
    assert "zhang.san" not in text
    assert "13800138000" not in text


def test_masking_leaves_numbers_and_ids_alone() -> None:
    kept = ["directory.pools/0/17953671222", 13800138000, "2026-11-22T08:00:00Z", "0af7651916cd43dd8448eb211c80319c"]
    assert masked(kept) == kept


def test_a_library_that_repeats_itself_is_heard_once_in_a_while_with_a_count() -> None:
    limit = RepeatLimit()

    def heard(at_seconds: float) -> logging.LogRecord | None:
        record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, "Unable to connect to %s", ("b",), None)
        record.created = at_seconds
        return record if limit.filter(record) else None

    first, second, later = heard(0.0), heard(0.1), heard(REPEAT_SECONDS + 1)
    assert first is not None
    assert second is None
    assert later is not None
    assert getattr(later, "repeated", None) == 1


def test_our_own_lines_are_never_held_back() -> None:
    limit = RepeatLimit()
    records = [logging.LogRecord("services.router", logging.INFO, "", 0, "x", (), None) for _ in range(2)]
    assert [limit.filter(record) for record in records] == [True, True]


@pytest.mark.parametrize(
    ("number", "name"), [(50, "error"), (40, "error"), (30, "warning"), (20, "info"), (10, "debug"), (0, "debug")]
)
def test_every_numeric_level_has_a_name(number: int, name: str) -> None:
    assert level_of(number) == name


@pytest.mark.parametrize("broken", [None, "", "00-xyz-b7ad6b7169203331-01", f"00-{'0' * 32}-b7ad6b7169203331-01"])
def test_a_broken_trace_context_begins_a_new_trace(broken: str | None) -> None:
    assert trace_id_of(broken) is None
    assert trace_id_of(traceparent_for(broken)) is not None


def test_a_valid_trace_context_is_continued_with_a_new_span() -> None:
    ours = traceparent_for(TRACEPARENT)
    assert trace_id_of(ours) == trace_id_of(TRACEPARENT)
    assert ours != TRACEPARENT
