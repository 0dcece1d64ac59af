"""The committed dashboards are what the code says, are valid to Grafana's SDK, and ask only for what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.local.folders import REPOSITORY
from deploy.monitoring.boards import BOARDS
from deploy.monitoring.generated import DASHBOARDS, METRICS_PAGE, differences, generate
from deploy.monitoring.grafana import DATASOURCE
from services._runtime.metrics import CATALOGUE
from tests.unit.deploy.test_alerts import known_series

GRAFANA = REPOSITORY / "deploy" / "grafana"
FILES = sorted((REPOSITORY / DASHBOARDS).glob("*.json"))
PANELS = [(board, panel) for board in BOARDS for row in board.rows for panel in row.panels]

each_panel = pytest.mark.parametrize(
    ("board", "panel"), PANELS, ids=[f"{board.uid} {panel.title}" for board, panel in PANELS]
)


def test_what_is_committed_is_what_the_code_says() -> None:
    assert differences(REPOSITORY) == []


def test_drift_a_missing_file_and_one_too_many_are_found_and_mended(tmp_path: Path) -> None:
    generate(tmp_path)
    assert differences(tmp_path) == []
    page, board, stray = tmp_path / METRICS_PAGE, tmp_path / DASHBOARDS / f"{BOARDS[0].uid}.json", "stray.json"
    page.write_text(page.read_text().replace("histogram", "gauge"))
    board.unlink()
    (tmp_path / DASHBOARDS / stray).write_text("{}")
    assert [line.split()[0] for line in differences(tmp_path)] == [
        str(METRICS_PAGE),
        str(board.relative_to(tmp_path)),
        str(DASHBOARDS / stray),
    ]
    assert len(generate(tmp_path)) == 3
    assert differences(tmp_path) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_sdk_reads_a_dashboard_back_as_it_is(path: Path) -> None:
    """Its models refuse what they do not know; what they leave out would be lost in Grafana too."""
    raw: dict[str, Any] = json.loads(path.read_text())
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(raw)))
    assert [_content(panel) for panel in again["panels"]] == [_content(panel) for panel in raw["panels"]]
    assert {key: again[key] for key in ("uid", "title", "tags", "time", "refresh")} == {
        key: raw[key] for key in ("uid", "title", "tags", "time", "refresh")
    }


def _content(panel: dict[str, Any]) -> dict[str, Any]:
    kept = {key: panel.get(key) for key in ("id", "type", "title", "description", "gridPos", "datasource", "options")}
    queries = [{key: each.get(key) for key in ("expr", "refId", "legendFormat")} for each in panel.get("targets", [])]
    return kept | {"queries": queries, "field": panel.get("fieldConfig")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_panels_have_ids_of_their_own_and_do_not_overlap(path: Path) -> None:
    panels = json.loads(path.read_text())["panels"]
    ids = [panel["id"] for panel in panels]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


@each_panel
def test_a_panel_says_what_it_means_and_asks_only_for_series_that_there_are(board: Any, panel: Any) -> None:
    del board
    assert panel.shows.endswith(".")
    assert panel.queries
    for query in panel.queries:
        asked = set(re.findall(r"\baftercare[_:][\w:]+", query.expr))
        assert asked <= known_series()


@each_panel
def test_a_query_names_only_labels_that_its_metrics_have(board: Any, panel: Any) -> None:
    del board
    labels = {label for entry in CATALOGUE.entries for label in entry.labels}
    from_prometheus = {"le", "job", "instance", "service", "slo", "__name__"}
    for query in panel.queries:
        grouped = {each.strip() for group in re.findall(r"\bby \(([^)]*)\)", query.expr) for each in group.split(",")}
        shown = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
        assert grouped | shown <= labels | from_prometheus
        if "by (" in query.expr:
            assert shown <= grouped


@pytest.mark.parametrize(
    "figure",
    [
        "aftercare_ticket_assignment_seconds_bucket",
        'aftercare_sla_clocks{lane="running"}',
        'aftercare_sla_clocks{lane="overdue"}',
        "aftercare_processor_timers_overdue",
        'sum by (priority) (aftercare_tickets{status=~"new|classified|queued"})',
        'aftercare_processor_events_total{type=~"notification[.].*"}',
        'aftercare_feedback_surveys_total{outcome=~"requested"}',
        "aftercare_feedback_csat_sum",
        'aftercare_feedback_verdicts_total{outcome=~"met|breached"}',
        "aftercare_processor_lag_records",
    ],
)
def test_a_figure_that_people_ask_for_is_on_a_board(figure: str) -> None:
    assert any(figure in query.expr for _, panel in PANELS for query in panel.queries)


def test_grafana_is_provisioned_with_the_boards_and_the_datasource_that_they_name() -> None:
    sources = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert [(each["uid"], each["type"], each["isDefault"]) for each in sources] == [(DATASOURCE, "prometheus", True)]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "aftercare.yml").read_text())["providers"]
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]["grafana"]
    mounts = dict(each.split(":")[:2] for each in compose["volumes"] if each.startswith("./"))
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    assert sources[0]["url"] == "http://prometheus:9090"
