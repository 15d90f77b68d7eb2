"""What is to happen later: delayed events and cron schedules.

`DelayedEvents` (delayed.py) accepts events with a `deliver_at` and fires them, `Schedules`
(schedules.py) keeps cron schedules and fires those; each has a `Pump` (pump.py), one timer for
the earliest due time. When a schedule fires is decided by pure functions (`kernel/cron.py`). What waits
is kept beside the log, through `scheduling.ports`; this room knows no SQL and no HTTP.
"""
