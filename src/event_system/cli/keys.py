"""`event-system keys`: make API keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
import yaml

from event_system.kernel.errors import ConfigurationError
from event_system.security.keys import generate_key, hash_key

app = typer.Typer(add_completion=False, help="API keys.")


@app.callback()
def keys() -> None:
    """API keys."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who will use the key; its events' default source.")],
    write: Annotated[
        Path | None, typer.Option(help="Add it to this file (`security.api_keys_file`).")
    ] = None,
) -> None:
    """Make a key. It is shown once; the configuration holds only its hash."""
    key = generate_key(os.urandom)
    entry = {"name": name, "hash": hash_key(key)}
    if write is not None:
        _append(write, entry)
    typer.echo(key)
    if write is None:
        typer.echo("\nAdd this to the configuration file:\n", err=True)
        document = {"security": {"api_keys": [entry]}}
        typer.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), err=True)


def _append(path: Path, entry: dict[str, str]) -> None:
    """Rewrite the file with one more entry, whole or not at all, readable by its owner only."""
    known = _read(path)
    if any(other.get("name") == entry["name"] for other in known):
        raise ConfigurationError(f"{path} has a key of the name {entry['name']!r} already")
    scratch = path.with_name(f"{path.name}.new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        yaml.safe_dump([*known, entry], file, sort_keys=False, allow_unicode=True)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    found = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ConfigurationError(f"{path} is no list of keys")
    return found
