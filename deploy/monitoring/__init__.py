"""What is seen of the product: docs/metrics.md and Grafana's dashboards, generated from code and committed.

Reading order: `panels` (a dashboard as a value), `boards/` (one a file), `grafana` (a board as Grafana's JSON, by its
SDK), `metrics_page` (the catalogue as a page). `python -m deploy.monitoring generate` writes all of it, `check` fails
where a committed file differs. `preview` draws the boards from a Prometheus (`series`), where there is no Grafana.
Alert rules are written by hand in `deploy/prometheus`.
"""
