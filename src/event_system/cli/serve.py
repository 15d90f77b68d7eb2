"""`event-system serve`: run a node."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from event_system.cli.options import ConfigOption, load

if TYPE_CHECKING:
    from event_system.node.compose import Node

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    config: ConfigOption = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where everything is stored.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics.")] = None,
    listeners: Annotated[
        list[str] | None, typer.Option(help="Listener module or .py file; may be repeated.")
    ] = None,
    roles: Annotated[
        str | None, typer.Option(help="What the node does: api, worker, ops; with commas.")
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(help="File or folder of event types; may be repeated."),
    ] = None,
) -> None:
    """Run a node until SIGTERM or Ctrl-C; SIGHUP reloads the configuration."""
    from event_system.node.lifecycle import run_node

    given = {
        "data_dir": None if data_dir is None else str(data_dir),
        "server.host": host,
        "server.port": port,
        "metrics.port": metrics_port,
        "listeners.modules": listeners,
        "types.files": types,
        "node.roles": roles,
    }
    overrides = {key: value for key, value in given.items() if value is not None}
    read = partial(load, config, overrides)
    run_node(read(), read, _announce)


def _announce(node: Node) -> None:
    settings = node.settings
    base = f"http://{settings.server.host}:{node.http.port}"
    lines = ["event-system is ready"]
    if "api" in settings.node.roles:
        lines.append(f"  events     {base}/api/events/trigger  (POST)")
        lines.append(f"  API pages  {base}/docs")
    lines.append(f"  health     {base}/health")
    if settings.metrics.enabled:
        host = settings.metrics.host or settings.server.host
        lines.append(f"  metrics    http://{host}:{node.metrics_http.port}/metrics")
    if settings.database.enabled:
        lines.append(f"  database   {settings.database.address}")
    lines.append(f"  data       {Path(settings.data_dir).resolve()}")
    typer.echo("\n".join(lines))
