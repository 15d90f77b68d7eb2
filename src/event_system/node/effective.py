"""The settings in force, one row a key, and their reference page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from event_system.node.configuration import LITERAL_VARIABLES, PREFIX, Loaded
from event_system.node.quantities import format_duration
from event_system.node.settings import Settings

MASK = "********"
_SECRET = ("database.dsn", "redis.url", "on_call.feed_key")


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting: its dotted key, its value as JSON, and where that comes from."""

    key: str
    value: Any
    source: str


def effective_settings(loaded: Loaded) -> list[Effective]:
    """Every setting in force; secrets masked."""
    rows = _flatten(loaded.settings.model_dump(mode="json"), "")
    return [Effective(key, _masked(key, value), _source(loaded, key)) for key, value in rows]


def _flatten(data: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{key}.")
        else:
            yield key, value


def _masked(key: str, value: Any) -> Any:
    if key == "security.api_keys":
        return [entry["name"] for entry in value]
    if key == "database.replicas":
        return [MASK for _ in value]
    return MASK if key in _SECRET and value is not None else value


def _source(loaded: Loaded, key: str) -> str:
    return loaded.sources.get(key, "default")


def configuration_markdown() -> str:
    """The reference of all settings, from the settings themselves."""
    lines = [
        "# Configuration",
        "",
        "Settings come from, in rising order: defaults, the YAML file (`--config` or",
        "`EVENT_SYSTEM_CONFIG`), environment variables, the command line. `event-system config",
        "check` tells every fault at once with its line, `config show` the values in force and",
        "where each comes from, `config schema` prints a JSON Schema for editors.",
        "",
        "Durations are written `500ms`, `30s`, `1h30m` or as a number of seconds; sizes `16MiB`",
        "or as a number of bytes. *Live* settings change while the node runs, on SIGHUP and when",
        "the file changes; for the others the log says that a restart is needed. A configuration",
        "with a fault is refused as a whole, and a running node keeps the one that it has.",
        "",
        *_section(Settings, "", "Top level"),
    ]
    return "\n".join(lines) + "\n"


def _section(model: type[BaseModel], prefix: str, title: str) -> list[str]:
    lines = [f"## {title}", "", "| key | default | live | meaning |", "|---|---|---|---|"]
    nested: list[str] = []
    for name, info in model.model_fields.items():
        key = f"{prefix}{name}"
        inner = _model_of(info.annotation)
        if inner is not None and isinstance(info.annotation, type):
            nested += ["", *_section(inner, f"{key}.", f"`{key}`")]
            continue
        live = isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("live")
        default = "–" if info.is_required() else f"`{_shown(info.default)}`"
        variable = _variable(key)
        meaning = f"{info.description}{_bounds(info.metadata)} {variable}".strip()
        lines.append(f"| `{key}` | {default} | {'yes' if live else 'no'} | {meaning} |")
        if inner is not None:
            place = f"{key}.NAME" if "dict" in str(info.annotation) else f"{key}[]"
            nested += ["", *_section(inner, f"{place}.", f"`{place}`")]
    return [] if len(lines) == 4 and not nested else lines + nested


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    arguments = getattr(annotation, "__args__", ())
    return next((a for a in arguments if isinstance(a, type) and issubclass(a, BaseModel)), None)


def _shown(value: Any) -> str:
    if isinstance(value, timedelta):
        return format_duration(value)
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def _bounds(metadata: list[Any]) -> str:
    low = next((m.ge for m in metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in metadata if hasattr(m, "le")), None)
    return f" {low} to {high}." if low is not None and high is not None else ""


def _variable(key: str) -> str:
    if "NAME" in key or "[]" in key:
        return ""
    literal = {".".join(map(str, path)): name for name, path in LITERAL_VARIABLES.items()}
    return f"`{literal.get(key, PREFIX + key.upper().replace('.', '__'))}`"
