"""A board as Grafana's JSON, built with Grafana's own SDK for the version that docker-compose.yml runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)

from deploy.monitoring.panels import Board, Panel, Query

DATASOURCE: Final = "prometheus"
"""As `deploy/grafana/provisioning` names it."""
TAG: Final = "aftercare"
_COLUMNS: Final = 24
_STAT_HEIGHT: Final = 4
_SERIES_HEIGHT: Final = 8


def dashboard_json(board: Board) -> str:
    """The file that Grafana is provisioned with."""
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.shows)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .refresh("30s")
        .time("now-3h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Aftercare")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(as_dropdown=True)
            .keep_time(keep_time=True)
        )
    )
    ids = count(1)
    for row in board.rows:
        builder = builder.with_row(dashboard.Row(row.title).id(next(ids)))
        for panel in row.panels:
            builder = builder.with_panel(_panel(panel, next(ids)))
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(builder.build()) + "\n"


def _panel(panel: Panel, panel_id: int) -> Any:
    made = _stat(panel) if panel.kind == "stat" else _series(panel)
    made = (
        made.id(panel_id)
        .title(panel.title)
        .description(panel.shows)
        .datasource(DataSourceRef("prometheus", DATASOURCE))
        .span(panel.width * _COLUMNS // 12)
        .unit(panel.unit)
    )
    if panel.limits is not None:
        amber, red = panel.limits
        steps = [Threshold(None, "green"), Threshold(amber, "orange"), Threshold(red, "red")]
        made = made.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    for target in _targets(panel.queries):
        made = made.with_target(target)
    return made


def _targets(queries: tuple[Query, ...]) -> Iterator[prometheus.Dataquery]:
    for number, query in enumerate(queries):
        yield prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + number)).range()


def _stat(panel: Panel) -> stat.Panel:
    made = stat.Panel().height(_STAT_HEIGHT).reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    return made.graph_mode(BigValueGraphMode.AREA if panel.limits is None else BigValueGraphMode.NONE)


def _series(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    made = (
        timeseries.Panel()
        .min(0)
        .height(_SERIES_HEIGHT)
        .legend(legend.show_legend(show_legend=True))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .fill_opacity(40 if panel.stacked else 8)
    )
    return made.stacking(common.StackingConfig().mode(StackingMode.NORMAL)) if panel.stacked else made
