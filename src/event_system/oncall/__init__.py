"""Who is on call, and when people work.

`roster.py` is the entry point: who answers for a schedule at a moment, what shifts there are, and
how long a response time lasts in somebody's working hours. Calendars (`calendars.py`), rotations
(`rotations.py`) and schedules (`schedules.py`) are pure and exact over changes of the clocks;
what stands in for them for a while (`overrides.py`) is kept through `kernel/records.py`. Knows
neither alerts nor incidents nor HTTP.
"""
