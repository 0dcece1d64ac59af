"""Every metric of the five services, declared once with its meaning and unit, in one registry.

A service that needs another one adds it to its section at the end; `python -m deploy.monitoring generate` then writes
docs/metrics.md anew. Names begin with `aftercare_`, end with their base unit (counters with `_total`), and labels have
few values: never a ticket, tenant, person or address. Only the labels of `LABELS` may be used.

Metrics are of one process. What is counted by passing events (counters, histograms) starts at zero with the process,
which `rate` and `increase` allow for. What is held now is read off the state (`figures`), so it is right after a
restart and moves with a partition: `sum` over all processes is the whole.
"""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, disable_created_metrics

from services._runtime.catalogue import Catalogue

LABELS: Final[Mapping[str, str]] = {
    "action": "what a coordinator did on the board: assign, release",
    "cause": "what a change of presence comes from: heartbeat, declared, silence",
    "channel": "way in of a request: portal, app, phone, email, chat, wechat, relay",
    "command": "type of a command, by its contract",
    "follower": "what follows topics in this process",
    "in_time": "true or false",
    "kind": "kind of an error, or of a directory entity",
    "lane": "where a clock stands on the board: running, paused, overdue, waiting",
    "level": "priority of a ticket; the first 16 names, then `other`",
    "medium": "way out of a notification: email",
    "method": "method of an HTTP request, `other` for unknown ones",
    "outcome": "what became of it; the values stand in the meaning",
    "fate": "what became of a request; the values stand in the meaning",
    "part": "part of the process: web, a processor, a supervised service",
    "pool": "pool of technicians, by its name in the directory; the first 200 names, then `other`",
    "presence": "available, busy, away, offline",
    "priority": "priority of a ticket; the first 16 names, then `other`",
    "processor": "name of a topology",
    "reason": "why; a fixed list",
    "route": "template of an HTTP route, never a path",
    "service": "one of the five",
    "status": "status of a ticket, or of an HTTP response",
    "store": "changelog topic without its ending",
    "target": "name of an SLA target; data, but a policy has few",
    "topic": "name of a topic",
    "type": "type of an event, by its contract, without prefix and version",
    "version": "version of the product",
    "what": "what was told of an SLA target; the values stand in the meaning",
}
"""Every label there may be, and what bounds its values."""

REGISTRY: Final = CollectorRegistry(auto_describe=True)
# When a series began is in Prometheus anyway, and each counter would be two series.
disable_created_metrics()  # type: ignore[no-untyped-call]
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
CATALOGUE: Final = Catalogue(REGISTRY, LABELS)
_counter, _gauge, _histogram = CATALOGUE.counter, CATALOGUE.gauge, CATALOGUE.histogram

_FAST_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_LATENESS_SECONDS: Final = (0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0)
_BATCH_RECORDS: Final = (1, 5, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000)

# ---------------------------------------------------------------- every process

CATALOGUE.section("Every process")

BUILD_INFO: Final = _gauge("build_info", "Always 1; the labels say what runs here.", "service", "version")
PART_READY: Final = _gauge("part_ready", "1 while the named part of this process is ready, else 0.", "part")
PART_LIVE: Final = _gauge("part_live", "1 while the named part of this process makes progress, else 0.", "part")
PART_RESTARTS: Final = _counter("part_restarts_total", "Times a supervised part was started again.", "part")

# ---------------------------------------------------------------- processors, observed once a batch

CATALOGUE.section("Processors, observed once a batch")

PROCESSOR_RECORDS: Final = _counter(
    "processor_records_total", "Input records whose transaction was committed.", "processor", "topic"
)
PROCESSOR_OUTPUTS: Final = _counter(
    "processor_outputs_total", "Records written in committed transactions, changelogs left out.", "processor", "topic"
)
PROCESSOR_EVENTS: Final = _counter(
    "processor_events_total",
    "Events told in committed transactions, by their type; 0 from the start for all that a processor may tell.",
    "processor",
    "type",
)
PROCESSOR_BATCH_RECORDS: Final = _histogram(
    "processor_batch_records", "Input records in a batch.", "processor", buckets=_BATCH_RECORDS
)
PROCESSOR_TRANSACTION_SECONDS: Final = _histogram(
    "processor_transaction_seconds",
    "Seconds from the begin of a transaction to its commit.",
    "processor",
    buckets=_FAST_SECONDS,
)
PROCESSOR_ABORTS: Final = _counter(
    "processor_aborts_total", "Transactions that did not commit, by kind of error.", "processor", "kind"
)
PROCESSOR_RESTORE_SECONDS: Final = _histogram(
    "processor_restore_seconds",
    "Seconds from an assignment to its state being restored.",
    "processor",
    buckets=_SLOW_SECONDS,
)
PROCESSOR_RESTORED_RECORDS: Final = _counter(
    "processor_restored_records_total", "Changelog records read to restore state.", "processor"
)
PROCESSOR_REBALANCES: Final = _counter("processor_rebalances_total", "Assignments received.", "processor")
PROCESSOR_PARTITIONS: Final = _gauge("processor_partitions", "Partitions assigned to this process.", "processor")
PROCESSOR_LAG_RECORDS: Final = _gauge(
    "processor_lag_records", "Input records written but not yet committed by us, all partitions.", "processor", "topic"
)
PROCESSOR_STATE_KEYS: Final = _gauge("processor_state_keys", "Keys held in memory.", "processor", "store")
PROCESSOR_STATE_BYTES: Final = _gauge(
    "processor_state_bytes",
    "What the keys held in memory take encoded, by the mean of those read and written lately.",
    "processor",
    "store",
)
PROCESSOR_STATE_OUTDATED_KEYS: Final = _gauge(
    "processor_state_outdated_keys",
    "Keys that lie in the changelog in a newer version than is to be written; before a rollback this must be 0.",
    "processor",
    "store",
)
PROCESSOR_TIMERS_PENDING: Final = _gauge("processor_timers_pending", "Timers waiting to come due.", "processor")
PROCESSOR_TIMERS_OVERDUE: Final = _gauge(
    "processor_timers_overdue",
    "Timers that came due more than 10 s ago and have not fired, those of parked keys left out; counted up to 10 000 a "
    "partition.",
    "processor",
)
PROCESSOR_NEXT_TIMER: Final = _gauge(
    "processor_next_timer_timestamp_seconds",
    "When the earliest timer that waits is due, as Unix time; absent where none waits.",
    "processor",
)
PROCESSOR_TIMER_LATENESS_SECONDS: Final = _histogram(
    "processor_timer_lateness_seconds",
    "Seconds from a timer's due time to its firing.",
    "processor",
    buckets=_LATENESS_SECONDS,
)
PROCESSOR_DEAD_LETTERS: Final = _counter(
    "processor_dead_letters_total", "Records sent to the dead-letter topic, by reason.", "processor", "reason"
)
PROCESSOR_PARKED_KEYS: Final = _gauge(
    "processor_parked_keys", "Keys whose later records wait for a redrive of a dead letter.", "processor"
)
PROCESSOR_PARKED_RECORDS: Final = _counter(
    "processor_parked_records_total", "Records parked behind a dead letter of their key.", "processor"
)

# ---------------------------------------------------------------- directory

CATALOGUE.section("Directory")

DIRECTORY_RECORDS: Final = _counter(
    "directory_records_total", "Directory records read, by what became of them.", "kind", "outcome"
)
DIRECTORY_ENTITIES: Final = _gauge("directory_entities", "Directory entities in memory.", "kind")

# ---------------------------------------------------------------- HTTP, Kafka and Redis clients

CATALOGUE.section("HTTP, Kafka and Redis clients")

HTTP_REQUESTS: Final = _counter("http_requests_total", "HTTP requests answered.", "method", "route", "status")
HTTP_REQUEST_SECONDS: Final = _histogram(
    "http_request_seconds",
    "Seconds from a request to the start of its response; a stream's length does not count.",
    "method",
    "route",
    buckets=_FAST_SECONDS,
)
PRODUCER_RECORDS: Final = _counter(
    "producer_records_total", "Records gateways sent to Kafka, by outcome.", "topic", "outcome"
)
PRODUCER_DELIVERY_SECONDS: Final = _histogram(
    "producer_delivery_seconds", "Seconds until Kafka confirmed a gateway's record.", buckets=_FAST_SECONDS
)
FOLLOWER_RECORDS: Final = _counter(
    "follower_records_total", "Records read by followers such as the read model.", "follower", "topic"
)
FOLLOWER_LAG_RECORDS: Final = _gauge(
    "follower_lag_records", "Records written but not yet read by this follower.", "follower"
)
REDIS_ERRORS: Final = _counter("redis_errors_total", "Redis calls that failed or took too long, by kind.", "kind")

# ---------------------------------------------------------------- intake

CATALOGUE.section("Intake")

INTAKE_REQUESTS: Final = _counter(
    "intake_requests_total",
    "Requests the normaliser decided: opened a ticket, threaded into one, duplicate, or automatic mail (RFC 3834).",
    "channel",
    "fate",
)
INTAKE_COMMANDS_REFUSED: Final = _counter(
    "intake_commands_refused_total", "Commands the ledger refused, by type of command.", "command"
)
REQUESTS_ACCEPTED: Final = _counter(
    "requests_accepted_total", "Requests that gateways wrote to Kafka, repetitions included.", "channel"
)
MAILS: Final = _counter(
    "mails_total", "Mails taken from the mailbox: accepted, automatic (RFC 3834), or rejected.", "outcome"
)
MAILBOX_ROUNDS: Final = _counter(
    "mailbox_rounds_total", "Looks into the mailbox: done, or why not (mailbox, kafka, redis).", "outcome"
)
TICKETS: Final = _gauge(
    "tickets",
    "Tickets in each status that is not final, by the ledger's state.",
    "status",
    "priority",
)
TICKETS_UNASSIGNED_SINCE: Final = _gauge(
    "tickets_unassigned_since_timestamp_seconds",
    "Since when the longest unassigned ticket waits, as Unix time, by the ledger's state: its opening, or, once "
    "somebody had it, the last that happened to it. Absent where none waits; across processes take `min`.",
    "priority",
)
ASSIGNMENT_SECONDS: Final = _histogram(
    "ticket_assignment_seconds",
    "Seconds from a request being accepted to somebody being found for its ticket for the first time.",
    "priority",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0),
)
READ_MODEL_RECORDS: Final = _counter(
    "read_model_records_total", "Records read for the read model: projected, or skipped as unreadable.", "outcome"
)
READ_MODEL_BATCH_SECONDS: Final = _histogram(
    "read_model_batch_seconds", "Seconds that Redis took to apply a batch.", buckets=_FAST_SECONDS
)
READ_MODEL_RESTARTS: Final = _counter(
    "read_model_restarts_total", "Times the read model went back to the stored positions, by reason.", "reason"
)

# ---------------------------------------------------------------- router

CATALOGUE.section("Router")

ROUTER_DECISIONS: Final = _counter(
    "router_decisions_total",
    "What became of offers: assigned (at once or from the queue), by_hand, overflowed (to the pool's owner), queued "
    "for want of anyone, or released (asked back from someone who is gone).",
    "outcome",
)
ROUTER_WAIT_SECONDS: Final = _histogram(
    "router_wait_seconds",
    "Seconds from a ticket's first queueing to its assignment, declines and reopening included, by priority.",
    "priority",
    buckets=(1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0),
)
ROUTER_DECLINES: Final = _counter(
    "router_declines_total", "Assignments given back by a technician, or (in_time false) never accepted.", "in_time"
)
ROUTER_ALARMS: Final = _counter(
    "router_alarms_total",
    "Tickets that a pool's owner was alarmed of, by reason: waited, nobody_able, all_declined.",
    "reason",
)
ROUTER_QUEUE_TICKETS: Final = _gauge("router_queue_tickets", "Tickets that wait in a pool for a technician.", "pool")
ROUTER_LOAD_WEIGHT: Final = _gauge("router_load_weight", "What the technicians of a pool hold, in weights.", "pool")
ROUTER_CAPACITY_WEIGHT: Final = _gauge(
    "router_capacity_weight", "What the technicians of a pool can hold; load divided by it is the utilisation.", "pool"
)
ROUTER_DECISION_SECONDS: Final = _histogram(
    "router_decision_seconds",
    "Seconds that the router took to decide one event of a pool, without reading and writing it.",
    buckets=(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.05, 0.25, 1.0),
)

ROUTER_HEARTBEATS: Final = _counter(
    "router_heartbeats_total", "Signs of life of technicians, by whether they were news to the router.", "outcome"
)
ROUTER_PRESENCE_TOLD: Final = _counter(
    "router_presence_told_total",
    "Changes of presence stated to the router, by what caused them: heartbeat, declared, or silence.",
    "presence",
    "cause",
)
ROUTER_BOARD_COMMANDS: Final = _counter(
    "router_board_commands_total", "What coordinators asked for on the board: assign, release, transfer.", "action"
)

# ---------------------------------------------------------------- sla_monitor

CATALOGUE.section("SLA monitor")

SLA_TARGETS: Final = _counter(
    "sla_targets_total",
    "What was told of SLA targets: started, paused, resumed, retargeted, warned, met, breached, breach_retracted, "
    "cancelled, escalated, completed (stopped under a verdict told before).",
    "target",
    "what",
)

SLA_CLOCKS: Final = _gauge(
    "sla_clocks",
    "Clocks of open tickets by where they stand: running, paused, overdue (breached and not done), waiting for an "
    "acknowledgement. Read from the view by the one instance that keeps it; absent while that is being read anew.",
    "lane",
)
SLA_WINDOW_TARGETS: Final = _gauge(
    "sla_window_targets",
    "Warnings and verdicts (warned, met, breached) told within the sliding window, by pool and level.",
    "pool",
    "level",
    "what",
)
SLA_WINDOW_BURN: Final = _gauge(
    "sla_window_burn_ratio",
    "Mean share of their budgets that clocks had used at their verdicts within the sliding window, 1 for all of it.",
    "pool",
    "level",
)
SLA_POOLS_IN_SURGE: Final = _gauge(
    "sla_pools_in_surge", "Pools with a surge of breaches, by level; `pool.sla` and the SLA board name them.", "level"
)
SLA_SURGES: Final = _counter(
    "sla_surges_total", "Surges of breaches in a pool: one each, however many breaches.", "level"
)

# ---------------------------------------------------------------- notifier

CATALOGUE.section("Notifier")

NOTIFIER_ATTEMPTS: Final = _counter(
    "notifier_attempts_total",
    "Attempts at deliveries, by what came of them; `silent` where nobody can know.",
    "medium",
    "outcome",
)
NOTIFIER_ATTEMPT_SECONDS: Final = _histogram(
    "notifier_attempt_seconds", "Seconds that an attempt took in its channel.", "medium", buckets=_FAST_SECONDS
)
NOTIFIER_ATTEMPTS_WAITING: Final = _gauge("notifier_attempts_waiting", "Attempts that wait for their turn.")

# ---------------------------------------------------------------- feedback

CATALOGUE.section("Feedback")

FEEDBACK_SURVEYS: Final = _counter(
    "feedback_surveys_total",
    "What became of surveys (requested, skipped, expired) and of answers (rated, rated_low, refused).",
    "outcome",
)
FEEDBACK_CSAT: Final = _histogram(
    "feedback_csat", "CSAT scores of ratings, 1 to 5; no unit.", buckets=(1.0, 2.0, 3.0, 4.0, 5.0)
)
FEEDBACK_NPS: Final = _histogram(
    "feedback_nps",
    "NPS scores of ratings, 0 to 10; no unit. Detractors to 6, promoters from 9.",
    buckets=(6.0, 8.0, 10.0),
)
FEEDBACK_VERDICTS: Final = _counter(
    "feedback_verdicts_total",
    "Verdicts of clocks as attainment counts them (met, breached), and what was taken off again (met_retracted, "
    "breach_retracted).",
    "target",
    "outcome",
)
