"""Options that several commands share, and how they find the configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from event_system.node.configuration import CONFIG_VARIABLE, Loaded, load_settings

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar=CONFIG_VARIABLE, help="Configuration file (YAML)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


def load(config: Path | None, overrides: dict[str, Any] | None = None) -> Loaded:
    """The settings of the file, the environment and the command line."""
    return load_settings(config, os.environ, overrides)
