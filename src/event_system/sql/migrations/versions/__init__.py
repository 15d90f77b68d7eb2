"""The steps in order, each a module with `revision`, `upgrade()` and `downgrade()`.

The number in a module's name is its revision, e.g. `0001_log.py`; `down_revision` is the one
before. On MySQL each statement has to be one that may be run again (`if_not_exists=True`).
"""
