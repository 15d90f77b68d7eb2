"""`rate_limit`: how often a channel may be asked."""

from __future__ import annotations

import re
from typing import Final

from event_system.alerting.limits import RateLimit
from event_system.alerting.reading.sections import Section

MOST: Final = 1_000
_FORM: Final = re.compile(r"([1-9][0-9]{0,3})/(s|min|h)")
_SECONDS: Final = {"s": 1.0, "min": 60.0, "h": 3_600.0}


def rate_limit(section: Section, default: str) -> RateLimit | None:
    """`20/min`; 0 is no limit."""
    text = section.text("rate_limit", default)
    if text == "0":
        return None
    found = _FORM.fullmatch(text)
    if found is None or int(found[1]) > MOST:
        section.fault("rate_limit", f"is 0, or 1 to {MOST:,} for one `s`, `min` or `h`: 20/min")
        return None
    return RateLimit(int(found[1]), _SECONDS[found[2]])
