"""Alerts from their arrival to the notification: grouping, silences, inhibition, channels.

`manager.py` is the entry point: alerts come in through `AlertManager.receive`, and what is due
goes out through channels. What is decided is decided by modules without I/O and without a clock
(`routes.py`, `groups.py`, `silences.py`, `inhibition.py`, `dedupe.py`). The semantics are those of
Prometheus' Alertmanager, so that its configuration, API and tools fit. Knows neither HTTP servers
nor where its state is kept (`ports.py`).
"""
