"""Alertmanager's API, version 2, over `alerting/`: what Prometheus and `amtool` speak.

`build` (app.py) makes the application. Bodies, answers and errors are those of Alertmanager's own
OpenAPI document, so they differ from the rest of this product: errors are JSON strings.
"""
