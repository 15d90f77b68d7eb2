"""What a provider is, and what may be told of its answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from event_system.alerting.secret import Secret

MAX_TOLD: Final = 200
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_DIGITS: Final = re.compile(r"\+?[0-9]{7,}")


@dataclass(frozen=True, slots=True)
class Words:
    """What is to be told: as one text, and as the values of a provider's own template."""

    text: str
    values: Mapping[str, str]


class Provider(Protocol):
    """Brings words to one number."""

    async def deliver(self, number: str, words: Words) -> None:
        """Raises `ChannelError`."""

    async def close(self) -> None:
        """Let go of connections."""


def is_number(text: str) -> bool:
    """Whether it is a number in the form of ITU-T E.164: `+`, country, at most 15 digits."""
    return _E164.fullmatch(text) is not None


def shown(number: str) -> str:
    """A number as logs may have it."""
    return f"…{number[-4:]}"


def fit_to_tell(text: object, secrets: Iterable[Secret] = ()) -> str:
    """What a provider said, without numbers and secrets, in one short line."""
    found = str(text)
    for secret in secrets:
        found = found.replace(secret.reveal(), "<secret>") if secret.reveal() else found
    found = " ".join(_DIGITS.sub(lambda number: shown(number[0]), found).split())
    return found if len(found) <= MAX_TOLD else found[: MAX_TOLD - 1] + "…"
