"""Every metric keeps to Prometheus's naming rules (what `promtool check metrics` looks for) and to ours."""

from __future__ import annotations

import pytest

from services._runtime.catalogue import COUNT, PREFIX, BatchHistogram, Entry
from services._runtime.metrics import CATALOGUE, LABELS, REGISTRY

ENTRIES = CATALOGUE.entries
FORBIDDEN_LABELS = {
    "tenant",
    "ticket",
    "ticket_id",
    "customer",
    "requester",
    "technician",
    "technician_id",
    "email",
    "address",
    "key",
    "partition",
    "id",
}
ABBREVIATED_OR_SCALED_UNITS = {"s", "sec", "ms", "milliseconds", "minutes", "hours", "kb", "mb", "kilobytes", "percent"}
UNIT_WORDS = {"seconds", "bytes", "records", "keys", "ratio", "timestamp"}

each_metric = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def test_the_registry_holds_what_the_catalogue_says_and_nothing_else_of_ours() -> None:
    of_type = {"counter": "_total", "gauge": "", "histogram": ""}
    held = {
        f"{metric.name}{of_type[metric.type]}": metric.type
        for metric in REGISTRY.collect()
        if metric.name.startswith(PREFIX)
    }
    assert held == {entry.name: entry.kind for entry in ENTRIES}
    assert len(ENTRIES) > 40


@each_metric
def test_a_metric_has_a_lint_free_name_and_a_meaning(entry: Entry) -> None:
    name = entry.name.removesuffix("_total") if entry.kind == "counter" else entry.name
    words = name.split("_")
    assert entry.meaning.endswith(".")
    assert entry.section
    assert name == name.lower()
    assert entry.name.endswith("_total") == (entry.kind == "counter")
    assert not name.endswith(("_total", "_count", "_sum", "_bucket", "_info_total"))
    assert not ABBREVIATED_OR_SCALED_UNITS & set(words)
    assert entry.kind not in words


@each_metric
def test_a_unit_stands_at_the_end_of_the_name_or_nowhere(entry: Entry) -> None:
    name = entry.name.removesuffix("_total").removeprefix(PREFIX)
    if entry.unit == COUNT:
        assert not UNIT_WORDS & set(name.split("_")[1:])
    else:
        assert name.endswith(entry.unit)


@each_metric
def test_a_label_is_one_of_the_bounded_ones_and_names_none_of_many(entry: Entry) -> None:
    assert set(entry.labels) <= LABELS.keys()
    assert not set(entry.labels) & FORBIDDEN_LABELS


def test_every_label_is_used_and_explained() -> None:
    assert {label for entry in ENTRIES for label in entry.labels} == LABELS.keys()


@each_metric
def test_no_metric_has_more_series_than_a_server_should_hold(entry: Entry) -> None:
    """Routes times methods times statuses are the most there is; a fourth label would be one too many."""
    assert len(entry.labels) <= 3


def test_a_batch_is_observed_as_its_values_would_be() -> None:
    values = [0.05, 0.04, 7.0, 0.2, 7.0, 1e9]
    one_by_one, at_once = (
        BatchHistogram(f"aftercare_test_{name}_seconds", "a test", registry=None, buckets=(0.05, 0.1, 1.0, 10.0))
        for name in ("one_by_one", "at_once")
    )
    for value in values:
        one_by_one.observe(value)
    at_once.observe_all(values)
    at_once.observe_all([])

    def samples(histogram: BatchHistogram) -> list[tuple[str, float]]:
        (metric,) = histogram.collect()
        return [
            (f"{sample.name.removeprefix(metric.name)}{sample.labels}", sample.value)
            for sample in metric.samples
            if not sample.name.endswith("_created")
        ]

    assert samples(at_once) == samples(one_by_one)
    assert samples(at_once)
