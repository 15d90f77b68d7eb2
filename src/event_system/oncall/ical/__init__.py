"""iCalendar (RFC 5545): shifts for calendar applications, and theirs for us.

`writing.py` makes a feed of shifts; `reading.py` reads texts, bounded in size and in what they
repeat, and `using.py` says what they mean for people, days off and overrides. The library loads
when it is first needed, which is why callers come from a thread.
"""
