"""The settings of the cache."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from event_system.cache.cache import CacheOptions
from event_system.cache.invalidation import check_template
from event_system.kernel.errors import InvalidPatternError
from event_system.kernel.patterns import parse_pattern
from event_system.node.quantities import Duration, Size
from event_system.node.sections import Names, Section

SECOND = timedelta(seconds=1)
LONGEST = timedelta(days=7)


class CacheSettings(Section):
    """What listeners cache: in memory, and on the server of `redis.url` where there is one."""

    ttl: Duration = Field(
        300 * SECOND,
        description="How long a value is kept for which the code says nothing else.",
        ge=SECOND / 1000,
        le=LONGEST,
    )
    memory_ttl: Duration = Field(
        60 * SECOND,
        description="How long a value stays in memory at most before Redis is asked again.",
        ge=SECOND / 1000,
        le=LONGEST,
    )
    negative_ttl: Duration = Field(
        5 * SECOND,
        description="How long it is remembered that there is no value; 0s does not remember it.",
        ge=timedelta(0),
        le=LONGEST,
    )
    max_entries: int = Field(10_000, description="Values in memory at most.", ge=1, le=10_000_000)
    max_size: Size = Field(
        64 * 1024 * 1024, description="What they may take together.", ge=64 * 1024
    )
    max_value_size: Size = Field(
        256 * 1024, description="A larger value is not kept.", ge=1, le=64 * 1024 * 1024
    )
    cleanup_period: Duration = Field(
        60 * SECOND,
        description="How often what has expired is taken out of memory.",
        ge=SECOND,
        le=3600 * SECOND,
    )
    warm_up: Duration = Field(
        10 * SECOND,
        description="How long the start waits for the functions that fill the cache.",
        ge=timedelta(0),
        le=600 * SECOND,
    )
    invalidate: dict[str, Names] = Field(
        {},
        description="Tags that events make out of date, by pattern of event types; `{subject}`, "
        "`{source}`, `{type}` and `{data.…}` stand for the event's.",
        max_length=1000,
    )

    @field_validator("invalidate")
    @classmethod
    def _sound(cls, rules: dict[str, list[str]]) -> dict[str, list[str]]:
        for pattern, tags in rules.items():
            try:
                parse_pattern(pattern)
            except InvalidPatternError as error:
                raise ValueError(error.detail) from error
            for tag in tags:
                check_template(tag)
        return rules

    def options(self) -> CacheOptions:
        return CacheOptions(
            ttl=self.ttl.total_seconds(),
            memory_ttl=self.memory_ttl.total_seconds(),
            negative_ttl=self.negative_ttl.total_seconds(),
            max_entries=self.max_entries,
            max_size=self.max_size,
            max_value_size=self.max_value_size,
            cleanup_period=self.cleanup_period.total_seconds(),
        )
