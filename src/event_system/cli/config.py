"""`event-system config`: check, show and describe the configuration."""

from __future__ import annotations

import json

import typer

from event_system.cli.options import ConfigOption, JsonOption, load
from event_system.kernel.errors import ConfigurationError
from event_system.node.effective import effective_settings
from event_system.node.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The configuration.")


@app.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Tell every fault of the configuration; exit 1 if there is one."""
    faults: list[str] = []
    warnings: list[str] = []
    try:
        warnings = load(config).warnings
    except ConfigurationError as error:
        faults = error.detail.splitlines()
    if as_json:
        typer.echo(json.dumps({"ok": not faults, "faults": faults, "warnings": warnings}))
    else:
        for line in faults:
            typer.echo(line, err=True)
        for line in warnings:
            typer.echo(f"warning: {line}", err=True)
        typer.echo("invalid" if faults else "ok")
    if faults:
        raise typer.Exit(1)


@app.command()
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every setting in force, and where its value comes from. Secrets are masked."""
    rows = effective_settings(load(config))
    if as_json:
        found = {row.key: {"value": row.value, "source": row.source} for row in rows}
        typer.echo(json.dumps(found, indent=2))
        return
    width = max(len(row.key) for row in rows)
    for row in rows:
        typer.echo(f"{row.key:<{width}}  {json.dumps(row.value)}  ({row.source})")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Settings.model_json_schema(),
    }
    typer.echo(json.dumps(document, indent=2))
