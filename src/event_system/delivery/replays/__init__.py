"""Shows one listener stored events again, beside its live delivery.

`Replays` (replays.py) is what operators use: start, look, cancel. `Running` (running.py) has the
replays that are under way: each is a second subscription of its listener over a closed part of
the log, which it reads through `Past` (past.py), with cursors of its own. `replay.py` has the
values. Nothing here moves a live cursor.
"""
