"""Reads the configuration of alerting: plain data of an `alertmanager.yml`, with every fault told.

`read` (configuration.py) is the entry point; `sections.py` reads members and notes what is wrong or
unknown, with the line; `routes.py`, `receivers.py` and `intervals.py` know the parts. Files are
opened by a function that is passed in.
"""
