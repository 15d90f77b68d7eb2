"""Incidents: what people do about alerts, from the first page to the postmortem.

`manager.py` is the entry point: alerts come in through `IncidentManager.receive`, operators act
through `IncidentManager.act`. What is decided is decided by modules without I/O and without a clock
(`states.py`, `correlation.py`, `escalation.py`, `intake.py`). Knows neither HTTP nor channels, nor
who is on call or where its state is kept (`ports.py`).
"""
