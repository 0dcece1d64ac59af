"""Every metric keeps to Prometheus's naming rules (what `promtool check metrics` looks for) and to ours."""

import pytest
from prometheus_client.metrics_core import Metric

from services._runtime.metrics import REGISTRY, BatchHistogram

OURS = [metric for metric in REGISTRY.collect() if metric.name.startswith("aftercare_")]
FORBIDDEN_LABELS = {
    "tenant",
    "ticket",
    "ticket_id",
    "customer",
    "technician",
    "pool",
    "email",
    "key",
    "partition",
    "id",
}
ABBREVIATED_OR_SCALED_UNITS = {"s", "sec", "ms", "milliseconds", "minutes", "hours", "kb", "mb", "kilobytes", "percent"}
UNITS = ("_seconds", "_bytes", "_records", "_keys")
UNITLESS_GAUGES = {
    "aftercare_build_info",
    "aftercare_part_ready",
    "aftercare_part_live",
    "aftercare_processor_partitions",
    "aftercare_processor_timers_pending",
    "aftercare_directory_entities",
}


def labels_of(name: str) -> set[str]:
    collector = REGISTRY._names_to_collectors[name]
    return set(getattr(collector, "_labelnames", ()))


@pytest.mark.parametrize("metric", OURS, ids=lambda metric: metric.name)
def test_a_metric_has_a_lint_free_name_and_a_meaning(metric: Metric) -> None:
    words = metric.name.split("_")
    assert metric.documentation.endswith(".")
    assert metric.name == metric.name.lower()
    assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket", "_info_total"))
    assert not ABBREVIATED_OR_SCALED_UNITS & set(words)
    assert metric.type not in words


@pytest.mark.parametrize("metric", OURS, ids=lambda metric: metric.name)
def test_a_metric_that_is_no_counter_ends_in_its_unit(metric: Metric) -> None:
    if metric.type != "counter":
        assert metric.name.endswith(UNITS) or metric.name in UNITLESS_GAUGES or is_business(metric)


@pytest.mark.parametrize("metric", OURS, ids=lambda metric: metric.name)
def test_no_label_names_one_of_many(metric: Metric) -> None:
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    assert not labels_of(name) & FORBIDDEN_LABELS


def test_the_catalogue_is_not_empty() -> None:
    assert len(OURS) > 20


def is_business(metric: Metric) -> bool:
    """Gauges of the services' own sections count things that have no unit."""
    sections = ("intake", "router", "sla", "notifier", "feedback")
    return metric.name.removeprefix("aftercare_").startswith(sections)


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
