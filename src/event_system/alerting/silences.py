"""Silences: what is kept quiet, for how long, by whom and why.

A silence's matchers never change, and one that has expired stays as it is: an update of either
expires the old one and makes a new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

import msgspec

from event_system.alerting.labels import ALERT_NAME, Labels
from event_system.alerting.matchers import Matcher, Matchers, Operator, all_match
from event_system.alerting.shelves import Shelves
from event_system.kernel.errors import (
    AlertingFullError,
    InvalidSilenceError,
    SilenceNotFoundError,
)

State: TypeAlias = Literal["active", "pending", "expired"]

MAX_SILENCES: Final = 20_000
MAX_TEXT: Final = 10_000
FORGOTTEN: Final = "SilenceForgotten"
"""The name of alerts about silences (`forgotten.py`)."""
SILENCE_LABEL: Final = "silence"
"""Their label with the silence's id: that silence does not hide what is said of it."""
_ORDER: Final[tuple[State, ...]] = ("active", "pending", "expired")
_Rule: TypeAlias = tuple[str, Operator, str]


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Moments are microseconds since 1970; `rules` are matchers as they are stored."""

    id: str
    rules: tuple[_Rule, ...]
    starts_us: int
    ends_us: int
    updated_us: int
    created_by: str
    comment: str

    def state(self, now_us: int) -> State:
        if now_us < self.starts_us:
            return "pending"
        return "expired" if now_us >= self.ends_us else "active"


def rules_of(matchers: Iterable[Matcher]) -> tuple[_Rule, ...]:
    return tuple((matcher.name, matcher.operator, matcher.value) for matcher in matchers)


def matchers_of(silence: Silence) -> Matchers:
    return tuple(Matcher(*rule) for rule in silence.rules)


def check(wanted: Silence, matchers: Matchers, now_us: int) -> None:
    """Raises `InvalidSilenceError`."""
    if wanted.starts_us >= wanted.ends_us:
        raise InvalidSilenceError("start time must be before end time", where="startsAt")
    if wanted.ends_us <= now_us:
        raise InvalidSilenceError("end time can't be in the past", where="endsAt")
    check_texts(wanted.comment, wanted.created_by, matchers)


def check_texts(comment: str, created_by: str, matchers: Matchers) -> None:
    """Raises `InvalidSilenceError`."""
    if all(matcher.holds_for("") for matcher in matchers):
        raise InvalidSilenceError(
            "at least one matcher must not match the empty string", where="matchers"
        )
    for where, text in (("comment", comment), ("createdBy", created_by)):
        if len(text) > MAX_TEXT:
            raise InvalidSilenceError(f"has over {MAX_TEXT:,} characters", where=where)


class Silences:
    """All silences. Changes come in two steps: what is to be stored, then `put` of what was."""

    def __init__(self, silences: Iterable[Silence] = ()) -> None:
        self._by_id: dict[str, Silence] = {}
        self._matchers: dict[str, Matchers] = {}
        self._shelves: Shelves[str] = Shelves()
        for silence in silences:
            self.put(silence)

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._by_id

    def get(self, id_: str) -> Silence:
        """Raises `SilenceNotFoundError`."""
        found = self._by_id.get(id_)
        if found is None:
            raise SilenceNotFoundError(f"no silence {id_[:80]!r}", where=id_[:80])
        return found

    def all(self, now_us: int) -> list[Silence]:
        """Active ones first, then pending, then expired ones; each by when it ends or begins."""
        return sorted(self._by_id.values(), key=lambda silence: _place(silence, now_us))

    def matchers(self, silence: Silence) -> Matchers:
        return self._matchers[silence.id]

    def changes(self, wanted: Silence, new_id: str, now_us: int) -> list[Silence]:
        """What is to be stored so that `wanted` holds; the last one is it.

        An empty id makes a new one. Raises `InvalidSilenceError`, `SilenceNotFoundError` and
        `AlertingFullError`.
        """
        check(wanted, tuple(Matcher(*rule) for rule in wanted.rules), now_us)
        before: list[Silence] = []
        if wanted.id:
            known = self.get(wanted.id)
            if _can_become(known, wanted, now_us):
                return [msgspec.structs.replace(wanted, updated_us=now_us)]
            if known.state(now_us) != "expired":
                before = [ended(known, now_us)]
        if len(self) >= MAX_SILENCES:
            raise AlertingFullError(f"{MAX_SILENCES:,} silences are kept")
        starts_us = max(wanted.starts_us, now_us)
        return [
            *before,
            msgspec.structs.replace(wanted, id=new_id, starts_us=starts_us, updated_us=now_us),
        ]

    def put(self, silence: Silence) -> None:
        if silence.id not in self._by_id:
            self._matchers[silence.id] = matchers_of(silence)
            self._shelves.put(silence.id, self._matchers[silence.id])
        self._by_id[silence.id] = silence

    def drop_expired(self, before_us: int) -> list[str]:
        """Forget those that ended before then; their ids."""
        gone = [id_ for id_, silence in self._by_id.items() if silence.ends_us < before_us]
        for id_ in gone:
            self._shelves.drop(id_, self._matchers[id_])
            del self._by_id[id_], self._matchers[id_]
        return gone

    def silencing(self, labels: Labels, now_us: int) -> list[str]:
        """Ids of the active silences that match."""
        if not self._by_id:
            return []
        about = labels.get(SILENCE_LABEL) if labels.get(ALERT_NAME) == FORGOTTEN else None
        return sorted(
            id_
            for id_ in self._shelves.candidates(labels)
            if self._by_id[id_].state(now_us) == "active"
            and all_match(self._matchers[id_], labels)
            and id_ != about
        )

    def matching(self, labels: Labels, now_us: int) -> list[Silence]:
        """Those that match and have not expired, whether they hold already or not yet."""
        found = (
            self._by_id[id_]
            for id_ in self._shelves.candidates(labels)
            if all_match(self._matchers[id_], labels)
        )
        return [silence for silence in found if silence.state(now_us) != "expired"]


def ended(silence: Silence, now_us: int) -> Silence:
    """The silence as one that ends now. One that has expired stays as it is."""
    if silence.state(now_us) == "expired":
        return silence
    starts_us = min(silence.starts_us, now_us)
    return msgspec.structs.replace(silence, starts_us=starts_us, ends_us=now_us, updated_us=now_us)


def _can_become(known: Silence, wanted: Silence, now_us: int) -> bool:
    if known.rules != wanted.rules:
        return False
    state = known.state(now_us)
    if state == "active":
        return wanted.starts_us // 1000 == known.starts_us // 1000
    return state == "pending" and wanted.starts_us >= now_us


def _place(silence: Silence, now_us: int) -> tuple[int, int, str]:
    state = silence.state(now_us)
    moment = {
        "active": silence.ends_us,
        "pending": silence.starts_us,
        "expired": -silence.ends_us,
    }[state]
    return _ORDER.index(state), moment, silence.id
