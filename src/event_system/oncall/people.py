"""People who answer: how they are reached and by which clocks they live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final, Literal

METHODS: Final = ("email", "phone", "slack", "wecom", "dingtalk")
Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the settings.

    `contacts` are addresses by method, of `METHODS`. Where `calendar` is given, working hours go
    by it.
    """

    name: str
    full_name: str
    zone: tzinfo
    contacts: Mapping[str, str] = field(default_factory=dict)
    language: Language = "en"
    full_name_zh: str = ""
    calendar: str | None = None

    def shown(self, language: Language) -> str:
        """The name for readers of a language."""
        return (self.full_name_zh if language == "zh" else "") or self.full_name
