"""The loop at a glance: from the request to the rating, for whoever asks whether customers are being looked after."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.panels import Board, Panel, Query, Row, number, or_zero, quantiles

_PROBES: Final = 'route!~"/healthz|/readyz|/metrics"'
_UNASSIGNED: Final = 'aftercare_tickets{status=~"new|classified|queued"}'


def _told(type_pattern: str, window: str = "$__range") -> str:
    return f'sum(increase(aftercare_processor_events_total{{type=~"{type_pattern}"}}[{window}])) or vector(0)'


def _surveys(outcomes: str) -> str:
    return f'sum(increase(aftercare_feedback_surveys_total{{outcome=~"{outcomes}"}}[$__range]))'


def _verdicts(outcomes: str) -> str:
    return f'(sum(increase(aftercare_feedback_verdicts_total{{outcome=~"{outcomes}"}}[$__range])) or vector(0))'


_NOW: Final = Row(
    "Now, and in the time shown",
    (
        number("Tickets opened", "In the time shown.", _told("ticket.opened")),
        number("Tickets closed", "In the time shown; one that was reopened closes again.", _told("ticket.closed")),
        number(
            "Open",
            "Not resolved, cancelled or merged, by the ledger's state.",
            'sum(aftercare_tickets{status!="resolved"}) or vector(0)',
        ),
        number(
            "Unassigned",
            "Nobody has them: new, classified or queued.",
            f"sum({_UNASSIGNED}) or vector(0)",
            limits=(50, 200),
        ),
        number(
            "Longest unassigned P0",
            "How long the P0 that waits longest has had nobody; 0 where none waits. Pages after 5 minutes.",
            'time() - min(aftercare_tickets_unassigned_since_timestamp_seconds{priority="P0"}) or vector(0)',
            "s",
            (120, 300),
        ),
        number(
            "Overdue clocks",
            "Breached and still not done; counted by the view of the clocks.",
            'sum(aftercare_sla_clocks{lane="overdue"}) or vector(0)',
            limits=(1, 20),
        ),
    ),
)

_WAY_IN: Final = Row(
    "The way in",
    (
        Panel(
            "Requests decided, by channel",
            "Opened, threaded, duplicates and automatic mail together.",
            (Query("sum by (channel) (rate(aftercare_intake_requests_total[$__rate_interval]))", "{{channel}}"),),
            "reqps",
            stacked=True,
        ),
        Panel(
            "What became of requests",
            "Duplicates are repetitions that made no second ticket.",
            (Query("sum by (fate) (rate(aftercare_intake_requests_total[$__rate_interval]))", "{{fate}}"),),
            "reqps",
            stacked=True,
        ),
        Panel(
            "From accepted to assigned",
            "From a request's acceptance to somebody being found for its ticket for the first time.",
            quantiles("aftercare_ticket_assignment_seconds", "", ""),
            "s",
        ),
    ),
)

_TICKETS: Final = Row(
    "Tickets",
    (
        Panel(
            "Tickets by status",
            "By the ledger's state; closed ones left out.",
            (Query(or_zero("sum by (status) (aftercare_tickets)"), "{{status}}"),),
            stacked=True,
        ),
        Panel(
            "Unassigned, by priority",
            "A level that climbs has nobody left who may take it.",
            (Query(or_zero(f"sum by (priority) ({_UNASSIGNED})"), "{{priority}}"),),
            stacked=True,
        ),
        Panel(
            "What happens to tickets",
            "Events of the ledger.",
            (
                Query(
                    'sum by (type) (rate(aftercare_processor_events_total{type=~"ticket[.](opened|assigned|declined|'
                    'resolved|closed|reopened|escalated|cancelled)"}[$__rate_interval]))',
                    "{{type}}",
                ),
            ),
            "reqps",
        ),
    ),
)

_ROUTING: Final = Row(
    "Who gets it",
    (
        Panel(
            "Waiting, by pool",
            "Offers that the router has nobody for, by its own state.",
            (Query("sum by (pool) (aftercare_router_queue_tickets)", "{{pool}}"),),
        ),
        Panel(
            "Utilisation, by pool",
            "What technicians hold of what they can hold; above 1 only by hand.",
            (
                Query(
                    "sum by (pool) (aftercare_router_load_weight) "
                    "/ (sum by (pool) (aftercare_router_capacity_weight) > 0)",
                    "{{pool}}",
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Wait for a technician",
            "From a ticket's first queueing to its assignment, by priority.",
            quantiles("aftercare_router_wait_seconds", "priority", "{{priority}}"),
            "s",
        ),
        Panel(
            "What became of offers",
            "Assigned, by hand, overflowed, queued or asked back.",
            (
                Query(
                    "sum by (outcome) (rate(aftercare_router_decisions_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
            ),
            "reqps",
        ),
    ),
)

_WAY_OUT: Final = Row(
    "The way out",
    (
        Panel(
            "Notifications, by outcome",
            "Failed, bounced and unknown ones did not reach anybody, as far as is known.",
            (
                Query(
                    'sum by (type) (rate(aftercare_processor_events_total{type=~"notification[.].*"}'
                    "[$__rate_interval]))",
                    "{{type}}",
                ),
            ),
            "reqps",
            stacked=True,
        ),
        Panel(
            "Attempts at deliveries",
            "What channels answered; unreachable ones are tried again.",
            (
                Query(
                    "sum by (medium, outcome) (rate(aftercare_notifier_attempts_total[$__rate_interval]))",
                    "{{medium}} {{outcome}}",
                ),
            ),
            "reqps",
        ),
        Panel(
            "How long an attempt takes",
            "Slow mail servers show here first.",
            quantiles("aftercare_notifier_attempt_seconds", "medium", "{{medium}}"),
            "s",
        ),
    ),
)

_RATINGS: Final = Row(
    "What customers say",
    (
        Panel(
            "CSAT",
            "Mean of the scores given in the time shown, 1 to 5.",
            (
                Query(
                    "sum(increase(aftercare_feedback_csat_sum[$__range])) / "
                    "sum(increase(aftercare_feedback_csat_count[$__range]))",
                    "CSAT",
                ),
            ),
            kind="stat",
        ),
        Panel(
            "SLA attainment",
            "Clocks met, of those judged in the time shown, what was proven wrong taken off; by pool and day on "
            "`pool.feedback`.",
            (
                Query(
                    f"({_verdicts('met')} - {_verdicts('met_retracted')}) / "
                    f"({_verdicts('met|breached')} - {_verdicts('met_retracted|breach_retracted')} > 0)",
                    "attainment",
                ),
            ),
            "percentunit",
            "stat",
        ),
        Panel(
            "Survey coverage",
            "Ratings by surveys asked for, in the time shown.",
            (Query(f"{_surveys('rated|rated_low')} / ({_surveys('requested')} > 0) or vector(0)", "coverage"),),
            "percentunit",
            "stat",
        ),
        Panel(
            "Surveys",
            "What became of surveys and answers.",
            (
                Query(
                    "sum by (outcome) (rate(aftercare_feedback_surveys_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
            ),
            "reqps",
        ),
    ),
)

_HTTP: Final = Row(
    "HTTP of all services, probes left out",
    (
        Panel(
            "Rate",
            "Requests answered, by service.",
            (
                Query(
                    f"sum by (service) (rate(aftercare_http_requests_total{{{_PROBES}}}[$__rate_interval]))",
                    "{{service}}",
                ),
            ),
            "reqps",
        ),
        Panel(
            "Errors",
            "Share of requests answered with 5xx.",
            (
                Query(
                    f'(sum(rate(aftercare_http_requests_total{{status=~"5..", {_PROBES}}}[$__rate_interval])) '
                    f"/ sum(rate(aftercare_http_requests_total{{{_PROBES}}}[$__rate_interval]))) or vector(0)",
                    "5xx",
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Duration",
            "To the start of the response.",
            quantiles("aftercare_http_request_seconds", "service", "{{service}}", f"{{{_PROBES}}}"),
            "s",
        ),
    ),
)

LOOP: Final = Board(
    "aftercare-loop",
    "Aftercare: the loop at a glance",
    "Requests in, tickets through, news and ratings out.",
    (_NOW, _WAY_IN, _TICKETS, _ROUTING, _WAY_OUT, _RATINGS, _HTTP),
)
