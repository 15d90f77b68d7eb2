"""Loading settings: defaults, then the file, then the environment, then the command line.

All faults are found before any is told, each with its place.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from event_system.alerting.configuration import Configuration
from event_system.events.catalogue.entry import TypeEntry
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import AlertingConfigurationError, ConfigurationError
from event_system.node.handles import are_exhausted
from event_system.node.on_call_plan import ReadPlan, gap_warnings, read_plan
from event_system.node.rule_files import RuleFiles, check_disabled, read_rule_files
from event_system.node.scrape_settings import anchored
from event_system.node.settings import Settings, is_exposed
from event_system.node.settings_file import Fault, FileContent, KeyPath, dotted, read_file
from event_system.node.type_files import TypeFiles, read_type_files
from event_system.oncall.plan import Plan
from event_system.rules.model import Group

PREFIX = "EVENT_SYSTEM_"
LITERAL_VARIABLES: dict[str, KeyPath] = {
    "EVENT_SYSTEM_ENV": ("environment",),
    "EVENT_SYSTEM_LOG_LEVEL": ("logging", "level"),
    "EVENT_SYSTEM_DATABASE_DSN": ("database", "dsn"),
    "EVENT_SYSTEM_DATA_DIR": ("data_dir",),
}
SECRET_FILES: tuple[tuple[str, str, str], ...] = (
    ("database", "dsn_file", "dsn"),
    ("redis", "url_file", "url"),
    ("backbone", "password_file", "password"),
    ("on_call", "feed_key_file", "feed_key"),
)
"""Section, the setting that names a file, and the setting whose value is in it."""
SECRETS = {
    "dsn",
    "replicas",
    "hash",
    "api_keys",
    "database",
    "redis",
    "backbone",
    "collectors",
    "scrape_configs",
    "remote_write",
    "feed_key",
    "query_url",
    "alertmanagers",
}
"""What is not shown in a fault, nor the sections that hold it."""
CONFIG_VARIABLE = "EVENT_SYSTEM_CONFIG"
MAX_SECRET_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Loaded:
    """Valid settings, what deserves a warning, and where each given value came from.

    `seen` is the fingerprint of the `files` that all of it came from, `alerting_seen` of those of
    `alerting`; which is None where `alerting.config_file` is.
    """

    settings: Settings
    warnings: list[str]
    sources: dict[str, str]
    files: tuple[Path, ...] = ()
    seen: bytes = b""
    types: tuple[TypeEntry, ...] = ()
    rules: tuple[Group, ...] = ()
    on_call: Plan = field(default_factory=Plan)
    alerting: Configuration | None = None
    alerting_seen: bytes = b""


@dataclass(slots=True)
class _Given:
    """Values with their places, merged so far."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def put(self, key: KeyPath, value: Any, place: str) -> None:
        target = self.data
        for part in key[:-1]:
            inner = target.setdefault(str(part), {})
            if not isinstance(inner, dict):
                self.faults.append(Fault(place, dotted(key), f"`{part}` is no section"))
                return
            target = inner
        target[str(key[-1])] = value
        self.places[key] = place

    def place(self, key: KeyPath) -> str:
        """The place of a key, or of the innermost thing around it."""
        while key and key not in self.places:
            key = key[:-1]
        return self.places.get(key, "settings")


def load_settings(
    path: Path | None,
    environment: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
) -> Loaded:
    """Valid settings, or a `ConfigurationError` that lists every fault.

    `overrides` are the command line's, by dotted key.
    """
    given = _Given()
    if path is not None:
        _take_file(given, path, read_file(path))
    _take_environment(given, environment)
    for key, value in (overrides or {}).items():
        given.put(tuple(key.split(".")), value, "command line")
    files = _take_secrets(given, path)
    settings = _anchor_targets(given, path, _validate(given))
    types = _take_types(given, path, settings)
    rules = _take_rules(given, path, settings)
    on_call = _take_on_call(given, path, settings)
    alerting = _take_alerting(given, path, settings)
    named = (path, *files, *types.paths, *rules.paths, *on_call.paths, *alerting.files)
    watched = tuple(p for p in named if p is not None)
    if settings is None or given.faults:
        raise ConfigurationError("\n".join(map(str, given.faults)), files=watched)
    sources = {dotted(key): place for key, place in given.places.items()}
    return Loaded(
        settings,
        _warnings(settings) + gap_warnings(on_call.plan, SystemClock().now_us()),
        sources,
        watched,
        fingerprint(watched),
        tuple(types.entries.values()),
        tuple(rules.groups),
        on_call.plan,
        alerting.configuration,
        fingerprint(alerting.files),
    )


def fingerprint(files: Iterable[Path]) -> bytes:
    """A hash of the contents, so that touching a file or swapping equal links does nothing.

    Raises `OSError` without a file handle to look with.
    """
    digest = hashlib.sha256()
    for path in files:
        try:
            names = sorted(path.iterdir()) if path.is_dir() else None
            digest.update(path.read_bytes() if names is None else repr(names).encode())
        except OSError as error:
            if are_exhausted(error):
                raise
            digest.update(str(error.errno).encode())
        digest.update(b"\0")
    return digest.digest()


def _take_file(given: _Given, path: Path, content: FileContent) -> None:
    given.data = content.data
    given.faults.extend(content.faults)
    given.places = {key: f"{path}:{line}" for key, line in content.lines.items()}


def _take_environment(given: _Given, environment: Mapping[str, str]) -> None:
    for name, text in sorted(environment.items()):
        key = LITERAL_VARIABLES.get(name)
        if key is None and name.startswith(PREFIX) and "__" in name:
            key = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if key is not None:
            given.put(key, _scalar(text) if key != ("database", "dsn") else text, name)


def _scalar(text: str) -> Any:
    """A variable's text as YAML would read it; text where it is none."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _take_secrets(given: _Given, path: Path | None) -> list[Path]:
    """Read the files that settings name; relative ones lie beside the configuration file."""
    base = path.parent if path is not None else Path()
    files = []
    for section, named, key in SECRET_FILES:
        content = given.data.get(section)
        if isinstance(content, dict) and isinstance(name := content.get(named), str):
            files.append(base / name)
            text = _secret(given, base / name, (section, named))
            if text is not None:
                given.put((section, key), text, str(base / name))
    security = given.data.get("security")
    if isinstance(security, dict) and isinstance(name := security.get("api_keys_file"), str):
        files.append(base / name)
        _take_keys(given, base / name, security)
    return files


def _take_types(given: _Given, path: Path | None, settings: Settings | None) -> TypeFiles:
    """Read the files of event types; those that the configuration file names lie beside it."""
    if settings is None:
        return TypeFiles()
    found = read_type_files(settings.types.files, _base(given, path, ("types", "files")))
    given.faults.extend(found.faults)
    return found


def _take_rules(given: _Given, path: Path | None, settings: Settings | None) -> RuleFiles:
    """Read the files of rules, likewise."""
    if settings is None:
        return RuleFiles()
    given.faults.extend(check_disabled(settings.rules.disabled))
    found = read_rule_files(settings.rules.files, _base(given, path, ("rules", "files")))
    given.faults.extend(found.faults)
    return found


def _base(given: _Given, path: Path | None, key: KeyPath) -> Path:
    """Where the relative paths of a setting begin."""
    beside = path is not None and given.place(key).startswith(f"{path}:")
    return path.parent if path is not None and beside else Path()


def _anchor_targets(given: _Given, path: Path | None, settings: Settings | None) -> Settings | None:
    """Files of targets that the configuration file names lie beside it."""
    if settings is None:
        return None
    base = _base(given, path, ("metrics", "scrape_configs"))
    jobs = [anchored(job, base) for job in settings.metrics.scrape_configs]
    metrics = settings.metrics.model_copy(update={"scrape_configs": jobs})
    return settings.model_copy(update={"metrics": metrics})


def _take_on_call(given: _Given, path: Path | None, settings: Settings | None) -> ReadPlan:
    """Who is on call; the files that are named lie beside the configuration file."""
    if settings is None:
        return ReadPlan()
    found = read_plan(settings.on_call, path.parent if path is not None else Path())
    given.faults.extend(Fault(given.place(key), dotted(key), told) for key, told in found.faults)
    return found


@dataclass(slots=True)
class _AlertingFiles:
    """Alerting's configuration, and the files that it came from."""

    configuration: Configuration | None = None
    files: tuple[Path, ...] = ()


def _take_alerting(given: _Given, path: Path | None, settings: Settings | None) -> _AlertingFiles:
    """Read `alerting.config_file`; one that the configuration file names lies beside it."""
    if settings is None or settings.alerting.config_file is None:
        return _AlertingFiles()
    from event_system.node.alerting_file import files_of, read_alerting  # e-mail, templates

    key = ("alerting", "config_file")
    place, file = given.place(key), _base(given, path, key) / settings.alerting.config_file
    found = _AlertingFiles(files=files_of(file))
    try:
        recovery = settings.alerting.recovery_notices
        found.configuration = read_alerting(file, SystemClock(), recovery=recovery)
    except AlertingConfigurationError as error:
        lines = error.detail.splitlines()
        given.faults.extend(Fault(place, "alerting.config_file", line) for line in lines)
    return found


def _secret(given: _Given, path: Path, key: KeyPath) -> str | None:
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_SECRET_BYTES:
            raise ValueError(f"over {MAX_SECRET_BYTES} bytes")
        return raw.decode().strip()
    except (OSError, ValueError) as error:
        given.faults.append(Fault(given.place(key), dotted(key), f"{path}: {error}"))
        return None


def _take_keys(given: _Given, path: Path, security: dict[str, Any]) -> None:
    text = _secret(given, path, ("security", "api_keys_file"))
    if text is None:
        return
    try:
        keys = yaml.safe_load(text) or []
    except yaml.YAMLError as error:
        given.faults.append(Fault(str(path), "", f"not YAML: {error}".split("\n", 1)[0]))
        return
    own = security.get("api_keys") or []
    if not isinstance(keys, list) or not isinstance(own, list):
        given.faults.append(Fault(str(path), "", "must be a list of `name` and `hash`"))
        return
    for index in range(len(keys)):
        given.places["security", "api_keys", len(own) + index] = str(path)
    security["api_keys"] = [*own, *keys]


def _validate(given: _Given) -> Settings | None:
    try:
        return Settings.model_validate(given.data)
    except ValidationError as error:
        given.faults.extend(_fault(given, details) for details in error.errors())
        return None


def _fault(given: _Given, details: Any) -> Fault:
    key: KeyPath = details["loc"]
    place = given.place(key)
    if details["type"] == "extra_forbidden":
        return Fault(place, dotted(key), f"no such setting{_suggestion(key)}")
    problem = details["msg"].removeprefix("Value error, ")
    shown = "" if _is_secret(key) else f" (given: {str(details['input'])[:100]!r})"
    return Fault(place, dotted(key), problem + shown)


def _is_secret(key: KeyPath) -> bool:
    return not key or any(part in SECRETS for part in key)


def _suggestion(key: KeyPath) -> str:
    names = _names_at(key[:-1])
    close = difflib.get_close_matches(str(key[-1]), names, n=1)
    return f"; did you mean `{close[0]}`?" if close else f"; known: {', '.join(sorted(names))}"


def _names_at(key: KeyPath) -> list[str]:
    model: Any = Settings
    for part in key:
        fields = getattr(model, "model_fields", {})
        model = fields[part].annotation if part in fields else model
        arguments = [a for a in getattr(model, "__args__", ()) if isinstance(a, type)]
        nested = [a for a in arguments if issubclass(a, BaseModel)]
        model = nested[0] if nested else model
    return list(getattr(model, "model_fields", {}))


def _warnings(settings: Settings) -> list[str]:
    found = []
    if is_exposed(settings):
        found.append(
            f"server.host: {settings.server.host} can be reached from other machines and no API "
            "key is configured, so `event-system serve` will refuse to start; make one with "
            "`event-system keys create NAME`, or set server.allow_anonymous: true"
        )
    return found
