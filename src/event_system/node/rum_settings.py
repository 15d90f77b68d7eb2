"""The settings of what is measured in browsers."""

from __future__ import annotations

from pydantic import Field, field_validator

from event_system.events.limits import Rate
from event_system.node.sections import Names, Section
from event_system.rum.intake import ANY_ORIGIN, RumSettings, host_of
from event_system.rum.pages import MAX_PATTERNS, check_pattern


class BrowserSettings(Section):
    """What visitors of web pages experience: `/rum.js` and the beacons that it sends."""

    enabled: bool = Field(False, description="Serve `/rum.js`, and take beacons at `/rum`.")
    origins: Names = Field(
        [],
        description="Sites whose pages may send beacons, such as `https://play.example`; this "
        "node's own always may, `*` is all.",
        max_length=64,
    )
    pages: Names = Field(
        ["/"],
        description="Pages that are told apart: `/shop/{item}`, `/blog/*`; the first that fits "
        "counts, `other` is the rest.",
        max_length=MAX_PATTERNS,
    )
    features: Names = Field(
        [], description="Features whose use is counted by name.", max_length=MAX_PATTERNS
    )
    goals: Names = Field(
        [], description="Goals whose conversions are counted by name.", max_length=MAX_PATTERNS
    )
    sample: float = Field(1.0, description="Share of visits that are looked at.", gt=0, le=1)
    rate: float = Field(
        200.0, description="Beacons a second, on average; twice as many at once.", ge=0.1, le=1e6
    )
    rate_per_address: float = Field(
        5.0,
        description="Beacons a second of one address; six times as many at once.",
        ge=0.1,
        le=1e6,
    )

    @field_validator("pages")
    @classmethod
    def _paths(cls, pages: list[str]) -> list[str]:
        for page in pages:
            check_pattern(page)
        return pages

    @field_validator("origins")
    @classmethod
    def _origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if origin != ANY_ORIGIN and origin not in _spellings(origin):
                raise ValueError(f"{origin!r} is no origin such as https://play.example")
        return origins

    def intake(self) -> RumSettings | None:
        """What an intake needs to know; None where nothing is measured."""
        if not self.enabled:
            return None
        return RumSettings(
            origins=frozenset(self.origins),
            pages=tuple(self.pages),
            features=frozenset(self.features),
            goals=frozenset(self.goals),
            sample=self.sample,
            rate=_rate(self.rate, 2),
            rate_per_address=_rate(self.rate_per_address, 6),
        )


def _spellings(origin: str) -> tuple[str, str]:
    """How browsers write the origin of this host."""
    host = host_of(origin)
    return f"https://{host}", f"http://{host}"


def _rate(per_second: float, burst: int) -> Rate:
    return Rate(per_second, max(1, round(burst * per_second)))
