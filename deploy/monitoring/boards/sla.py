"""SLA compliance: what clocks say, what was kept and what was not, and our own two objectives."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.panels import Board, Panel, Query, Row, number, or_zero


def _told(type_pattern: str) -> str:
    return f'sum(increase(aftercare_processor_events_total{{type=~"{type_pattern}"}}[$__range]))'


def _verdicts(what: str, by: str = "") -> str:
    grouped = f" by ({by})" if by else ""
    return f'sum{grouped} (increase(aftercare_sla_targets_total{{what=~"{what}"}}[$__range]))'


_NOW: Final = Row(
    "Now, and in the time shown",
    (
        number(
            "Attainment",
            "Verdicts that were met, of all in the time shown.",
            f"{_told('sla.target_met')} / ({_told('sla.target_(met|breached)')} > 0)",
            "percentunit",
        ),
        number("Breaches", "Told in the time shown.", _told("sla.target_breached"), limits=(1, 20)),
        number(
            "Running clocks",
            "Of all open tickets.",
            'sum(aftercare_sla_clocks{lane="running"}) or vector(0)',
        ),
        number(
            "Overdue clocks",
            "Breached and still not done.",
            'sum(aftercare_sla_clocks{lane="overdue"}) or vector(0)',
            limits=(1, 20),
        ),
        number(
            "Unanswered escalations",
            "Nobody has acknowledged them yet.",
            'sum(aftercare_sla_clocks{lane="waiting"}) or vector(0)',
            limits=(1, 20),
        ),
        number(
            "Pools in a surge",
            "Pools with a surge of breaches; `pool.sla` and the SLA board name them.",
            "sum(aftercare_sla_pools_in_surge) or vector(0)",
            limits=(1, 1),
        ),
    ),
)

_CLOCKS: Final = Row(
    "Clocks",
    (
        Panel(
            "Clocks by where they stand",
            "By the view of the clocks, which any restart leaves right.",
            (Query(or_zero("sum by (lane) (aftercare_sla_clocks)"), "{{lane}}"),),
            stacked=True,
            width=6,
        ),
        Panel(
            "Attainment, by target",
            "Met of all verdicts in the time shown.",
            (
                Query(
                    f"{_verdicts('met', 'target')} / {_verdicts('met|breached', 'target')} or "
                    f"0 * {_verdicts('met|breached', 'target')}",
                    "{{target}}",
                ),
            ),
            "percentunit",
            width=6,
        ),
        Panel(
            "Verdicts",
            "Met and breached.",
            (
                Query(
                    'sum by (what) (rate(aftercare_sla_targets_total{what=~"met|breached"}[$__rate_interval]))',
                    "{{what}}",
                ),
            ),
            "reqps",
        ),
        Panel(
            "Breaches, by target",
            "Which promise is broken.",
            (
                Query(
                    or_zero('sum by (target) (rate(aftercare_sla_targets_total{what="breached"}[$__rate_interval]))'),
                    "{{target}}",
                ),
            ),
            "reqps",
        ),
        Panel(
            "Warnings, escalations and retractions",
            "Retracted breaches were proved wrong by an event that came late.",
            (
                Query(
                    or_zero(
                        'sum by (what) (rate(aftercare_sla_targets_total{what=~"warned|escalated|breach_retracted"}'
                        "[$__rate_interval]))"
                    ),
                    "{{what}}",
                ),
            ),
            "reqps",
        ),
    ),
)

_LEVELS: Final = Row(
    "Levels, in the sliding window",
    (
        Panel(
            "Warnings and verdicts, by level",
            "Told within the monitor's window.",
            (Query(or_zero("sum by (level, what) (aftercare_sla_window_targets)"), "{{level}} {{what}}"),),
            width=6,
        ),
        Panel(
            "Budget used at the verdict, by level",
            "Mean share of their budgets that clocks had used; 1 is all of it.",
            (Query(or_zero("avg by (pool, level) (aftercare_sla_window_burn_ratio)"), "{{pool}} {{level}}"),),
            "percentunit",
            width=6,
        ),
    ),
)

_OBJECTIVES: Final = Row(
    "Our own objectives (docs/slo.md)",
    (
        Panel(
            "Error budget left",
            "Of thirty days, or as much as there is data of.",
            (Query("1 - aftercare:slo_burn:rate30d", "{{slo}}"),),
            "percentunit",
            "stat",
            limits=None,
        ),
        Panel(
            "Burn rate, one hour",
            "1 uses the budget up in just thirty days; from 14.4 it pages.",
            (Query("aftercare:slo_burn:rate1h", "{{slo}}"),),
        ),
        Panel(
            "Burn rate, six hours",
            "From 6 it pages, from 1 over three days it makes a ticket.",
            (Query("aftercare:slo_burn:rate6h", "{{slo}}"),),
        ),
    ),
)

SLA: Final = Board(
    "aftercare-sla",
    "Aftercare: SLA compliance",
    "What was promised to customers, and what we promise ourselves.",
    (_NOW, _CLOCKS, _LEVELS, _OBJECTIVES),
)
