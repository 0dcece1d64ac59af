"""The boards drawn from what a Prometheus answers: every panel is there, with its lines where their values are."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.monitoring.boards import BOARDS
from deploy.monitoring.panels import Board, Panel, Query, Row, or_zero
from deploy.monitoring.preview import HEIGHT, WIDTH, page, written
from deploy.monitoring.series import Prometheus, PrometheusError, Series, Stretch

BEGINS_AT = 1_767_772_800.0
STRETCH = Stretch(BEGINS_AT, BEGINS_AT + 100, 1.0)


@pytest.fixture
def answering() -> Iterator[tuple[str, list[str]]]:
    """A Prometheus with one pair of series for every query; yields its address and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)["query"][0]
            asked.append(query)
            body = json.dumps(_answer(query)).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _answer(query: str) -> dict[str, Any]:
    if query == "refused":
        return {"status": "error", "error": "parse error"}
    values = [[BEGINS_AT, "0"], [BEGINS_AT + 50, "4"], [BEGINS_AT + 100, "NaN"]]
    result = [{"metric": {"level": "<P0>"}, "values": values}, {"metric": {}, "values": [[BEGINS_AT, "NaN"]]}]
    return {"status": "success", "data": {"result": result}}


def board(expr: str, **fields: Any) -> Board:
    panel = Panel("Title", "What it shows.", (Query(expr, "{{level}} of {{other}}"),), **fields)
    return Board("uid", "Board", "Shows.", (Row("Row", (panel,)),))


def test_every_panel_of_every_board_is_drawn(answering: tuple[str, list[str]]) -> None:
    url, asked = answering
    html = page(BOARDS, Prometheus(url, rate_seconds=60), STRETCH)
    panels = [panel for each in BOARDS for row in each.rows for panel in row.panels]
    assert html.count('<div class="panel"') == len(panels)
    assert len(asked) == sum(len(panel.queries) for panel in panels)
    assert not [query for query in asked if "$" in query]
    assert "not by Grafana" in html


def test_a_line_goes_through_its_values_and_what_is_no_number_is_left_out(answering: tuple[str, list[str]]) -> None:
    html = page([board("up")], Prometheus(answering[0], rate_seconds=60), STRETCH)
    assert f'points="0.0,{HEIGHT:.1f} {WIDTH / 2:.1f},0.0"' in html
    assert html.count("<polyline") == 1


def test_names_come_from_labels_and_are_escaped(answering: tuple[str, list[str]]) -> None:
    (series,) = Prometheus(answering[0], rate_seconds=60).lines(board("up").rows[0].panels[0], STRETCH)
    assert series == Series("<P0> of", ((BEGINS_AT, 0.0), (BEGINS_AT + 50, 4.0)))
    assert "&lt;P0&gt; of" in page([board("up")], Prometheus(answering[0], rate_seconds=60), STRETCH)


def test_a_number_is_the_last_one_in_its_colour(answering: tuple[str, list[str]]) -> None:
    html = page([board("up", kind="stat", limits=(2, 5))], Prometheus(answering[0], rate_seconds=60), STRETCH)
    assert '<div class="value amber">4</div>' in html


def test_a_refused_query_and_nobody_there_are_errors_that_say_so(answering: tuple[str, list[str]]) -> None:
    with pytest.raises(PrometheusError, match="parse error"):
        page([board("refused")], Prometheus(answering[0], rate_seconds=60), STRETCH)
    with pytest.raises(PrometheusError, match="no answer"):
        Prometheus("http://127.0.0.1:1", rate_seconds=60).now()


def test_an_expression_without_series_is_zero_and_one_with_some_stays_as_it_is() -> None:
    assert or_zero("sum by (a) (x)") == "sum by (a) (x) or (vector(0) unless on () sum by (a) (x))"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.756, "percentunit", "75.6%"),
        (0.0123, "s", "12 ms"),
        (12.34, "s", "12.3 s"),
        (300.0, "s", "5 min"),
        (5 * 2.0**20, "bytes", "5 MiB"),
        (2_048.0, "bytes", "2.0 KiB"),
        (1.5, "reqps", "1.50/s"),
        (3.0, "short", "3"),
        (3.83, "short", "3.83"),
        (12_345.6, "short", "12,346"),
    ],
)
def test_values_are_written_for_people(value: float, unit: Any, text: str) -> None:
    assert written(value, unit) == text
