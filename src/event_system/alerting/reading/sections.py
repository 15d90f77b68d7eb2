"""Members of a mapping, read one by one; what is wrong, or was never asked for, is noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from event_system.alerting.matchers import MAX_MATCHERS, Matcher, Matchers, Operator, parse_matchers
from event_system.alerting.reading.spans import span_us
from event_system.alerting.secret import Secret
from event_system.alerting.templates.templates import Templates
from event_system.kernel.errors import InvalidMatcherError, TemplateError

KeyPath: TypeAlias = tuple[str | int, ...]
T = TypeVar("T")
_MISSING: Final = object()


@dataclass(slots=True)
class Reading:
    """One reading of a file: its name, the lines of its keys, and the faults found so far.

    `open_text` gives the content of another file; it raises `OSError` or `UnicodeDecodeError`.
    """

    name: str
    lines: Mapping[KeyPath, int]
    open_text: Callable[[str], str]
    templates: Templates
    faults: list[str] = field(default_factory=list)

    def fault(self, path: KeyPath, problem: str) -> None:
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        line = f":{self.lines[known]}" if known else ""
        key = dotted(path)
        self.faults.append(f"{self.name}{line}: {key + ': ' if key else ''}{problem}")


def dotted(path: KeyPath) -> str:
    """`receivers[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class Section:
    """A mapping. Every reader gives the default where the member is missing or wrong."""

    def __init__(self, reading: Reading, value: Any, path: KeyPath = ()) -> None:
        self.reading = reading
        self.path = path
        self._asked: set[str] = set()
        self._members: Mapping[str, Any] = {}
        if isinstance(value, dict):
            self._members = value
        elif value is not None:
            reading.fault(path, "has to be a mapping")

    def __contains__(self, key: str) -> bool:
        return self._members.get(key) is not None

    def fault(self, key: str | None, problem: str) -> None:
        self.reading.fault(self.path if key is None else (*self.path, key), problem)

    def done(self, told: Mapping[str, str] | None = None) -> None:
        """Refuse what was not asked for; `told` says more of keys that somebody may expect."""
        for key in self._members:
            if key not in self._asked:
                self.fault(key, (told or {}).get(key, "is not known here"))

    def raw(self, key: str) -> Any:
        self._asked.add(key)
        found = self._members.get(key)
        return _MISSING if found is None else found

    def text(self, key: str, default: str = "") -> str:
        found = self.raw(key)
        if found is _MISSING:
            return default
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        return self._typed(key, found, str, "text; put it in quotes", default)

    def flag(self, key: str, default: bool) -> bool:
        found = self.raw(key)
        return (
            default
            if found is _MISSING
            else self._typed(key, found, bool, "true or false", default)
        )

    def number(self, key: str, default: int) -> int:
        found = self.raw(key)
        if found is _MISSING:
            return default
        number = self._typed(key, found, int, "a whole number", default)
        if number < 0 or isinstance(found, bool):
            self.fault(key, "has to be a whole number from 0 on")
            return default
        return number

    def _typed(self, key: str, found: Any, kind: type[T], told: str, default: T) -> T:
        if isinstance(found, kind):
            return found
        self.fault(key, f"has to be {told}")
        return default

    def secret(self, key: str, default: Secret | None = None) -> Secret | None:
        """A secret: from the member itself, or from the file that `{key}_file` names."""
        given, file = self.text(key), self.text(f"{key}_file")
        if given and file:
            self.fault(key, f"give this or `{key}_file`, not both")
        if file:
            return self._of_file(f"{key}_file", file)
        return Secret(given) if given else default

    def _of_file(self, key: str, file: str) -> Secret | None:
        try:
            return Secret(self.reading.open_text(file).strip())
        except (OSError, UnicodeDecodeError) as error:
            self.fault(key, f"cannot be read: {getattr(error, 'strerror', None) or error}")
            return None

    def template(self, key: str, default: str = "") -> str:
        """Text that is a template."""
        found = self.text(key, default)
        self.check_template(key, found)
        return found

    def check_template(self, key: str, text: str) -> None:
        try:
            self.reading.templates.check(text)
        except TemplateError as error:
            self.fault(key, f"is no template: {error.detail}")

    def span_us(self, key: str, default: int) -> int:
        found = self.raw(key)
        if found is _MISSING:
            return default
        try:
            return span_us(str(found))
        except ValueError as error:
            self.fault(key, str(error))
            return default

    def is_list(self, key: str) -> bool:
        return isinstance(self._members.get(key), list)

    def texts(self, key: str) -> list[str]:
        found = self._items(key)
        if any(isinstance(item, bool) or not isinstance(item, (str, int)) for item in found):
            self.fault(key, "has to be a list of texts; put each in quotes")
            return []
        return [str(item) for item in found]

    def pairs(self, key: str) -> dict[str, str]:
        found = self.raw(key)
        if found is _MISSING:
            return {}
        if not isinstance(found, dict) or not all(
            isinstance(v, (str, int)) for v in found.values()
        ):
            self.fault(key, "has to be a mapping of texts")
            return {}
        return {str(name): str(value) for name, value in found.items()}

    def _items(self, key: str) -> list[Any]:
        found = self.raw(key)
        return [] if found is _MISSING else self._typed(key, found, list, "a list", [])

    def section(self, key: str) -> Section:
        found = self.raw(key)
        return Section(self.reading, None if found is _MISSING else found, (*self.path, key))

    def sections(self, key: str) -> list[Section]:
        return [
            Section(self.reading, item, (*self.path, key, place))
            for place, item in enumerate(self._items(key))
        ]

    def matchers(self, key: str, equal_key: str, regex_key: str) -> Matchers:
        """Matchers of a list of texts, and of the older mappings beside it."""
        found: list[Matcher] = []
        for text in self.texts(key):
            found += self._guarded(key, partial(parse_matchers, text))
        for name, value in self.pairs(equal_key).items():
            found += self._guarded(equal_key, partial(_one, name, "=", value))
        for name, value in self.pairs(regex_key).items():
            found += self._guarded(regex_key, partial(_one, name, "=~", value))
        if len(found) > MAX_MATCHERS:
            self.fault(key, f"there are over {MAX_MATCHERS}")
        return tuple(found)

    def _guarded(self, key: str, read: Callable[[], Matchers]) -> Matchers:
        try:
            return read()
        except InvalidMatcherError as error:
            self.fault(key, error.detail)
            return ()


def _one(name: str, operator: Operator, value: str) -> Matchers:
    return (Matcher(name, operator, value),)
