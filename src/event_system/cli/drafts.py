"""What `types set` sends: an entry as it was, as a file says, and as options change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from event_system.kernel.errors import InvalidTypeError

_MEMBERS: Final = (
    *("owner", "description", "enabled", "mode", "compatibility", "deprecated", "rate_limit"),
    *("max_size", "current"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Options that were given; None leaves a thing as it is.

    `deprecated` is (why, what to send instead), `rate` is (events a second, burst).
    """

    plain: Mapping[str, Any]
    deprecated: tuple[str | None, str | None] = (None, None)
    rate: tuple[float | None, int | None] = (None, None)
    max_size: int | None = None


def drafted(file: Any, before: Mapping[str, Any] | None, given: Settings) -> dict[str, Any]:
    """The entry to send: the file's, or the one before, with the options over it.

    Raises `InvalidTypeError` where the file holds no mapping.
    """
    if file is not None and not isinstance(file, dict):
        raise InvalidTypeError("the file has to hold a mapping", where="file")
    kept = {name: before[name] for name in _MEMBERS} if before else {}
    draft: dict[str, Any] = dict(kept if file is None else file)
    draft |= {name: value for name, value in given.plain.items() if value is not None}
    if given.plain.get("schema") is not None and given.plain.get("current") is None:
        draft.pop("current", None)  # the new version is the one in force
    _deprecate(draft, *given.deprecated)
    _limit(draft, *given.rate)
    if given.max_size is not None:
        draft["max_size"] = given.max_size or None
    return draft


def _deprecate(draft: dict[str, Any], message: str | None, replacement: str | None) -> None:
    if message == "":
        draft["deprecated"] = None
    elif message is not None or replacement is not None:
        changed = {"message": message, "replacement": replacement}
        told = {name: value for name, value in changed.items() if value is not None}
        draft["deprecated"] = {**(draft.get("deprecated") or {}), **told}


def _limit(draft: dict[str, Any], rate: float | None, burst: int | None) -> None:
    if rate == 0:
        draft["rate_limit"] = None
    elif rate is not None or burst is not None:
        changed = {"per_second": rate, "burst": burst}
        told = {name: value for name, value in changed.items() if value is not None}
        draft["rate_limit"] = {**(draft.get("rate_limit") or {}), **told}
