"""Prometheus' HTTP API under `/api/v1/`: what Grafana, promtool and others ask a Prometheus.

`api.py` answers a call by its name and parameters, in Prometheus' JSON and with its errors. It
must not know a web framework; `http/routes/prometheus.py` does.
"""
