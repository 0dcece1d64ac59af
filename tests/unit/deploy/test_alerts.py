"""Alert rules are valid, tried, explained, and ask only for metrics that there are. promtool comes with Prometheus."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.folders import REPOSITORY
from deploy.local.prometheus import HOME
from deploy.local.services import NAMES
from services._runtime.metrics import CATALOGUE

RUNBOOKS = REPOSITORY / "docs" / "runbooks"
RULE_FILES = sorted((HOME / "rules").glob("*.yml"))
TEST_FILES = sorted((HOME / "tests").glob("*.yml"))
RULES: list[dict[str, Any]] = [
    rule for path in RULE_FILES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
SECTIONS = ("**Who notices.**", "## Look", "## Do")

each_alert = pytest.mark.parametrize("alert", sorted(ALERTS))


def _run(*command: str, cwd: Path = HOME) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _cases() -> list[dict[str, Any]]:
    tests = (test for path in TEST_FILES for test in yaml.safe_load(path.read_text())["tests"])
    return [case for test in tests for case in test["alert_rule_test"]]


def known_series() -> set[str]:
    """Every name of a series that a query may ask for."""
    names = {rule["record"] for rule in RULES if "record" in rule}
    for entry in CATALOGUE.entries:
        names |= {entry.name} if entry.kind != "histogram" else {f"{entry.name}_{each}" for each in HISTOGRAM_PARTS}
    return names


HISTOGRAM_PARTS = ("bucket", "sum", "count")


def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    assert "SUCCESS" in _run("promtool", "check", "config", "prometheus.yml")


def test_alertmanager_takes_its_configuration() -> None:
    assert "SUCCESS" in _run("amtool", "check-config", "alertmanager.yml")


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_each_alert_fires_when_it_should_and_only_then(path: Path) -> None:
    assert "SUCCESS" in _run("promtool", "test", "rules", path.name, cwd=path.parent)


@each_alert
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_quiet(alert: str) -> None:
    expected = [bool(case["exp_alerts"]) for case in _cases() if case["alertname"] == alert]
    assert True in expected
    assert False in expected


@each_alert
def test_an_alert_says_how_urgent_it_is_what_is_wrong_and_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    runbook = REPOSITORY / rule["annotations"]["runbook"]
    assert runbook == RUNBOOKS / f"{alert}.md"
    text = runbook.read_text()
    assert text.startswith(f"# {alert}\n")
    assert all(section in text for section in SECTIONS)


def test_every_runbook_belongs_to_an_alert_and_is_listed_with_its_severity() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {*ALERTS, "README"}
    listed = dict(
        re.findall(r"^\| \[(\w+)\]\(\w+\.md\) \| (\w+) \|", (RUNBOOKS / "README.md").read_text(), re.MULTILINE)
    )
    assert listed == {alert: rule["labels"]["severity"] for alert, rule in ALERTS.items()}


def test_runbooks_name_metrics_settings_and_pages_that_there_are() -> None:
    settings = "".join(path.read_text() for path in (REPOSITORY / "services").rglob("settings.py"))
    metrics = {entry.name.removeprefix("aftercare_") for entry in CATALOGUE.entries}
    for path in RUNBOOKS.glob("*.md"):
        text = path.read_text()
        for setting in re.findall(r"AFTERCARE_(\w+)", text):
            assert f"    {setting.lower()}:" in settings, (path.name, setting)
        for metric in re.findall(r"`(\w+_(?:total|records|bytes|seconds))`", text):
            assert metric.removeprefix("aftercare_") in metrics | {"process_resident_memory_bytes"}, (path.name, metric)
        for link in re.findall(r"\]\(([\w./-]+\.md)\)", text):
            assert (path.parent / link).is_file(), (path.name, link)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_only_for_series_that_there_are(rule: dict[str, Any]) -> None:
    asked = set(re.findall(r"\baftercare[_:][\w:]+", rule["expr"]))
    assert asked <= known_series()


def test_the_windows_of_the_objectives_differ_in_nothing_but_their_length() -> None:
    text = (HOME / "rules" / "slo.yml").read_text()
    blocks = re.split(r"\n\n(?=      - record: aftercare:slo_errors)", text.partition("\n\n      - alert")[0])[1:]
    windows = [re.findall(r"ratio_rate(\w+)", block)[0] for block in blocks]
    assert windows == ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"]
    alike = {
        re.sub(rf"(?<=rate){window}\b|(?<=\[){window}(?=\])", "WINDOW", block).strip()
        for window, block in zip(windows, blocks, strict=True)
    }
    assert len(alike) == 1


def test_each_of_the_five_services_is_scraped_under_its_name() -> None:
    product, itself = yaml.safe_load((HOME / "prometheus.yml").read_text())["scrape_configs"]
    assert {each["labels"]["service"]: each["targets"] for each in product["static_configs"]} == {
        name: [f"{name}:8000"] for name in NAMES
    }
    assert (product["job_name"], itself["job_name"]) == ("aftercare", "prometheus")
