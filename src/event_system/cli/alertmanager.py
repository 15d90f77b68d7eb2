"""`event-system alertmanager`: alerting alone, in Alertmanager's place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from event_system.node.alertmanager import Alertmanager

app = typer.Typer(add_completion=False)


@app.command()
def alertmanager(
    config_file: Annotated[
        Path, typer.Option("--config.file", help="Alertmanager's configuration file.")
    ] = Path("alertmanager.yml"),
    storage_path: Annotated[
        Path, typer.Option("--storage.path", help="Where silences and what was told are kept.")
    ] = Path("data"),
    listen_address: Annotated[
        str, typer.Option("--web.listen-address", help="Host and port; port 0 takes a free one.")
    ] = ":9093",
    external_url: Annotated[
        str, typer.Option("--web.external-url", help="Under which others reach it; for links.")
    ] = "",
    route_prefix: Annotated[
        str, typer.Option("--web.route-prefix", help="Path of all routes; that of the URL.")
    ] = "",
    retention: Annotated[
        str, typer.Option("--data.retention", help="How long what has ended is kept.")
    ] = "120h",
    cluster_address: Annotated[
        str, typer.Option("--cluster.listen-address", help='Nothing listens there; "": no cluster.')
    ] = "0.0.0.0:9094",
    settle_timeout: Annotated[
        str, typer.Option("--cluster.settle-timeout", help="Nothing has to settle.")
    ] = "0s",
    recovery_notices: Annotated[
        bool,
        typer.Option(
            "--alerts.recovery-notices",
            help="Tell the end of what was told, also of what was silenced in between.",
        ),
    ] = False,
    log_level: Annotated[
        str, typer.Option("--log.level", help="debug, info, warn or error.")
    ] = "info",
) -> None:
    """Run alerting alone, with the configuration, API and options of Prometheus' Alertmanager.

    Until SIGTERM or Ctrl-C; SIGHUP and `POST /-/reload` read the configuration again.
    """
    from event_system.alerting.reading.spans import span_us
    from event_system.node.alertmanager import (
        AlertmanagerOptions,
        prefix_of,
        run_alertmanager,
    )

    host, port = _address(listen_address)
    try:
        retention_us, _ = span_us(retention), span_us(settle_timeout)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if log_level not in ("debug", "info", "warn", "error"):
        raise typer.BadParameter("--log.level is one of debug, info, warn and error")
    options = AlertmanagerOptions(
        config_file=config_file,
        storage=storage_path,
        host=host,
        port=port,
        external_url=external_url.rstrip("/"),
        prefix=route_prefix or prefix_of(external_url),
        retention_us=retention_us,
        keep_promise=recovery_notices,
        clustered=bool(cluster_address),
        log_level=log_level,
    )
    run_alertmanager(options, _announce)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        raise typer.BadParameter(f"--web.listen-address: {text!r} is no address: host:port")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - as Alertmanager does


def _announce(process: Alertmanager) -> None:
    typer.echo(f"event-system alertmanager is ready on port {process.port}")
