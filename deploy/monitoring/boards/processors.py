"""Processors and Kafka: whether work keeps up, what is held, and what was set aside."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.panels import Board, Panel, Query, Row, number, or_zero, quantiles

_HEALTH: Final = Row(
    "Health",
    (
        number("Processes up", "Of the five services, as Prometheus could scrape them.", 'sum(up{job="aftercare"})'),
        number(
            "Parts not ready",
            "Parts of processes that do not do their work now: a processor that restores or was halted, a view.",
            "count(aftercare_part_ready == 0) or vector(0)",
            limits=(1, 3),
        ),
        number(
            "Lag",
            "Records written and not yet taken, of all processors.",
            "sum(aftercare_processor_lag_records)",
            limits=(1_000, 10_000),
        ),
        number(
            "Dead letters",
            "Records set aside in the time shown; each stands in a dead-letter topic with its reason.",
            'sum(increase(aftercare_processor_dead_letters_total{reason!="parked"}[$__range]))',
            limits=(1, 10),
        ),
        number(
            "Parked keys",
            "Tickets whose later records wait for a redrive.",
            "sum(aftercare_processor_parked_keys)",
            limits=(1, 10),
        ),
        number(
            "Timers overdue",
            "Due more than 10 s ago and not fired: late breaches, reminders, closings.",
            "sum(aftercare_processor_timers_overdue)",
            limits=(1, 100),
        ),
    ),
)

_FLOW: Final = Row(
    "Flow",
    (
        Panel(
            "Records taken",
            "Input records whose transaction was committed.",
            (Query("sum by (processor) (rate(aftercare_processor_records_total[$__rate_interval]))", "{{processor}}"),),
            "reqps",
        ),
        Panel(
            "Events told",
            "Outputs of committed transactions, changelogs left out.",
            (Query("sum by (processor) (rate(aftercare_processor_outputs_total[$__rate_interval]))", "{{processor}}"),),
            "reqps",
        ),
        Panel(
            "Lag by input",
            "Climbs where more comes in than is taken, or a partition stands still.",
            (
                Query(
                    "sum by (processor, topic) (aftercare_processor_lag_records)",
                    "{{processor}} {{topic}}",
                ),
            ),
        ),
        Panel(
            "Transactions",
            "From begin to commit.",
            quantiles("aftercare_processor_transaction_seconds", "processor", "{{processor}}"),
            "s",
        ),
        Panel(
            "Records in a batch",
            "Mean. Under load batches grow, which is what makes them cheap.",
            (
                Query(
                    "sum by (processor) (rate(aftercare_processor_batch_records_sum[$__rate_interval])) "
                    "/ sum by (processor) (rate(aftercare_processor_batch_records_count[$__rate_interval]))",
                    "{{processor}}",
                ),
            ),
        ),
        Panel(
            "Aborted transactions",
            "A few while brokers move are nothing; a steady rate is work done twice.",
            (
                Query(
                    or_zero("sum by (processor, kind) (rate(aftercare_processor_aborts_total[$__rate_interval]))"),
                    "{{processor}} {{kind}}",
                ),
            ),
            "reqps",
        ),
    ),
)

_STATE: Final = Row(
    "State and timers",
    (
        Panel(
            "Keys in memory",
            "Moves between processes with partitions; the sum should not.",
            (Query("sum by (store) (aftercare_processor_state_keys)", "{{store}}"),),
        ),
        Panel(
            "State, encoded",
            "About what it takes in the changelog.",
            (Query("sum by (store) (aftercare_processor_state_bytes)", "{{store}}"),),
            "bytes",
        ),
        Panel(
            "Restoring",
            "From an assignment to its state being restored.",
            (
                Query(
                    or_zero(
                        "sum by (processor) (increase(aftercare_processor_restore_seconds_sum[$__range])) "
                        "/ sum by (processor) (increase(aftercare_processor_restore_seconds_count[$__range]) > 0)"
                    ),
                    "{{processor}}",
                ),
            ),
            "s",
        ),
        Panel(
            "Timers pending",
            "Waiting to come due.",
            (Query("sum by (processor) (aftercare_processor_timers_pending)", "{{processor}}"),),
        ),
        Panel(
            "Lateness of timers",
            "From due to fired. Lag delays a verdict, it never falsifies it.",
            quantiles("aftercare_processor_timer_lateness_seconds", "processor", "{{processor}}"),
            "s",
        ),
        Panel(
            "Set aside, by reason",
            "Dead letters and what is parked behind them.",
            (
                Query(
                    "sum by (processor, reason) (rate(aftercare_processor_dead_letters_total[$__rate_interval]))",
                    "{{processor}} {{reason}}",
                ),
            ),
            "reqps",
        ),
    ),
)

_MEMBERS: Final = Row(
    "Members",
    (
        Panel(
            "Partitions, by process",
            "Uneven after a deployment means that a process has not come back.",
            (
                Query(
                    "sum by (processor, instance) (aftercare_processor_partitions)",
                    "{{processor}} {{instance}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Rebalances",
            "Assignments received in five minutes.",
            (
                Query(
                    "sum by (processor) (increase(aftercare_processor_rebalances_total[5m]))",
                    "{{processor}}",
                ),
            ),
        ),
        Panel(
            "Parts ready",
            "1 while a part does its work.",
            (Query("min by (service, part) (aftercare_part_ready)", "{{service}} {{part}}"),),
        ),
    ),
)

_AROUND: Final = Row(
    "Gateways, views and processes",
    (
        Panel(
            "Gateways' records",
            "What APIs, mailbox and sender wrote, by outcome.",
            (
                Query(
                    "sum by (topic, outcome) (rate(aftercare_producer_records_total[$__rate_interval]))",
                    "{{topic}} {{outcome}}",
                ),
            ),
            "reqps",
        ),
        Panel(
            "Lag of views",
            "Progress pages and boards show what was true so many records ago.",
            (Query("sum by (service, follower) (aftercare_follower_lag_records)", "{{service}} {{follower}}"),),
        ),
        Panel(
            "Redis errors",
            "Calls that failed or took too long. The loop goes on without Redis, its views do not.",
            (
                Query(
                    or_zero("sum by (service, kind) (rate(aftercare_redis_errors_total[$__rate_interval]))"),
                    "{{service}} {{kind}}",
                ),
            ),
            "reqps",
        ),
        Panel(
            "CPU",
            "Cores in use.",
            (
                Query(
                    'sum by (service) (rate(process_cpu_seconds_total{job="aftercare"}[$__rate_interval]))',
                    "{{service}}",
                ),
            ),
        ),
        Panel(
            "Memory",
            "Resident.",
            (Query('sum by (service) (process_resident_memory_bytes{job="aftercare"})', "{{service}}"),),
            "bytes",
        ),
        Panel(
            "Parts started again",
            "Supervised parts that failed, in the time shown.",
            (
                Query(
                    or_zero("sum by (service, part) (increase(aftercare_part_restarts_total[$__range]))"),
                    "{{service}} {{part}}",
                ),
            ),
        ),
    ),
)

PROCESSORS: Final = Board(
    "aftercare-processors",
    "Aftercare: processors and Kafka",
    "Whether work keeps up, what is held, what was set aside.",
    (_HEALTH, _FLOW, _STATE, _MEMBERS, _AROUND),
)
