"""The steps in order, each a module with `revision`, `upgrade()` and `downgrade()`.

The number in a module's name is its revision, e.g. `0001_log.py`.
On MySQL each statement has to be one that may be run again (`IF NOT EXISTS`).
"""
