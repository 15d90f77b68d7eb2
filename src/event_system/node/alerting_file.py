"""Alerting's own configuration: an `alertmanager.yml` with its templates and secrets."""

from __future__ import annotations

import glob
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from event_system.alerting.configuration import Configuration
from event_system.alerting.reading.configuration import read
from event_system.alerting.reading.receivers import Means
from event_system.alerting.reading.sections import Reading
from event_system.alerting.templates.templates import Templates
from event_system.kernel.clock import Clock
from event_system.kernel.errors import AlertingConfigurationError, TemplateError
from event_system.node.settings_file import read_file

MAX_TEMPLATE_FILES: Final = 100


def read_alerting(path: Path, clock: Clock, *, recovery: bool = False) -> Configuration:
    """The configuration of a file. Raises `AlertingConfigurationError` with every fault.

    With `recovery` every channel tells ends, unless it says otherwise.
    """
    content = read_file(path)
    if content.faults:
        told = "\n".join(map(str, content.faults))
        raise AlertingConfigurationError(told, where=str(path), files=(path,))
    templates = _templates(content.data.get("templates"), path)
    means = Means(templates, clock.now_us, new_id, recovery)
    reading = Reading(path.name, content.lines, _opened(path), templates)
    return read(content.data, reading, means, _dump)


def _dump(data: Any) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _opened(config: Path) -> Callable[[str], str]:
    """Opens files by their paths from the configuration's place."""
    return lambda name: (config.parent / name).read_text(encoding="utf-8")


def files_of(path: Path) -> tuple[Path, ...]:
    """The file, and its templates: what is to be watched."""
    return path, *map(Path, _template_files(read_file(path).data.get("templates"), path))


def _template_files(given: Any, config: Path) -> list[str]:
    patterns = given if isinstance(given, list) else [] if given is None else [given]
    return sorted(
        {name for pattern in patterns for name in glob.glob(str(config.parent / str(pattern)))}  # noqa: PTH207 - absolute patterns
    )


def _templates(given: Any, config: Path) -> Templates:
    found = _template_files(given, config)
    if len(found) > MAX_TEMPLATE_FILES:
        told = f"{config.name}: templates: there are over {MAX_TEMPLATE_FILES} files"
        raise AlertingConfigurationError(told, where=str(config))
    try:
        return Templates((name, Path(name).read_text(encoding="utf-8")) for name in found)
    except TemplateError as error:
        told = f"{error.where}: {error.detail}"
    except (OSError, UnicodeDecodeError) as error:
        told = f"{config.name}: templates: {error}"
    raise AlertingConfigurationError(told, where=str(config))


def new_id() -> str:
    """Of a silence, or of what is sent."""
    return str(uuid.uuid4())
