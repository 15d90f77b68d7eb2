"""`event-system metrics`: the metrics of a machine without a node, on a port of their own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from event_system.cli.options import ConfigOption, JsonOption, load
from event_system.kernel.errors import ServiceError

if TYPE_CHECKING:
    from event_system.node.metrics_service import Service

WAIT_SECONDS = 30.0
app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Metrics without a node, and where they run."
)
AddressOption = Annotated[
    str, typer.Option("--addr", help="Where to listen; without a host on every address.")
]
IntervalOption = Annotated[
    str, typer.Option("--interval", help="How often the machine is measured.")
]
ModulesOption = Annotated[
    list[str] | None,
    typer.Option("--listeners", help="Module or .py file with metrics; may be repeated."),
]
PidOption = Annotated[Path, typer.Option("--pid-file", help="Says who runs.")]
LogOption = Annotated[Path, typer.Option("--log-file", help="Where it writes what happens.")]
PID_FILE = Path("logs/metrics.pid")
LOG_FILE = Path("logs/metrics.log")


@app.command()
def serve(
    addr: AddressOption = ":9100",
    interval: IntervalOption = "10s",
    listeners: ModulesOption = None,
    config: ConfigOption = None,
    pid_file: Annotated[
        Path | None, typer.Option("--pid-file", help="Written and locked while it runs.")
    ] = None,
) -> None:
    """Serve the machine's metrics until SIGTERM or Ctrl-C.

    With a configuration those of the servers around its node, too.
    """
    from event_system.node.background import PidFile
    from event_system.node.metrics_service import run_service

    service = _service(addr, interval, listeners, config)
    file = None if pid_file is None else PidFile(pid_file)

    def announce(address: str) -> None:
        if file is not None:
            file.tell(address)
        typer.echo(f"metrics at {address}")

    try:
        run_service(service, announce)
    finally:
        if file is not None:
            file.close()


@app.command()
def start(
    addr: AddressOption = ":9100",
    interval: IntervalOption = "10s",
    listeners: ModulesOption = None,
    config: ConfigOption = None,
    pid_file: PidOption = PID_FILE,
    log_file: LogOption = LOG_FILE,
) -> None:
    """Start `serve` in the background; exit 1 where it does not listen in the end."""
    from event_system.node.background import start

    _service(addr, interval, listeners, config)  # its faults are told here, not in the log
    given = ["--addr", addr, "--interval", interval, "--pid-file", str(pid_file)]
    for module in listeners or ():
        given += ["--listeners", module]
    if config is not None:
        given += ["--config", str(config)]
    command = [sys.executable, "-m", "event_system.cli", "metrics", "serve", *given]
    found = start(command, pid_file, log_file, WAIT_SECONDS)
    typer.echo(f"started as process {found.pid}: {found.address}")


@app.command()
def stop(pid_file: PidOption = PID_FILE) -> None:
    """End what `start` has started; nothing happens where nothing runs."""
    from event_system.node.background import stop

    found = stop(pid_file, WAIT_SECONDS)
    typer.echo("nothing runs" if found is None else f"process {found.pid} has ended")


@app.command()
def status(pid_file: PidOption = PID_FILE, as_json: JsonOption = False) -> None:
    """Tell whether it runs, and where; exit 1 where it does not."""
    from event_system.node.background import running

    found = running(pid_file)
    if as_json:
        told = {} if found is None else {"pid": found.pid, "address": found.address}
        typer.echo(json.dumps({"running": found is not None, **told}))
    elif found is None:
        typer.echo("nothing runs")
    else:
        typer.echo(f"process {found.pid} runs: {found.address or 'it does not listen yet'}")
    if found is None:
        raise typer.Exit(1)


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(help="OpenMetrics in which every sample has a time; also gzip or zstd."),
    ],
    directory: Annotated[
        Path | None, typer.Option("--directory", help="The store.  [default: the configuration's]")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add older samples to the time-series store of a node that does not run.

    Where the store has a sample of the same series and time already, that one counts; importing a
    file again changes no answer.
    """
    from event_system.cli.transfer.text import text_lines
    from event_system.node.history import import_history

    settings = load(config).settings
    imported = import_history(
        text_lines(file),
        directory or settings.metrics.store.path(settings.data_dir),
        lambda now: None if as_json else typer.echo(f"{now.samples} samples", err=True),
    )
    if as_json:
        typer.echo(json.dumps({"samples": imported.samples, "lines": imported.lines}))


def _service(addr: str, interval: str, modules: list[str] | None, config: Path | None) -> Service:
    from event_system.node.metrics_service import Service, parse_address
    from event_system.node.quantities import parse_duration

    try:
        seconds = parse_duration(interval).total_seconds()
    except ValueError as error:
        raise ServiceError(f"--interval {interval}: {error}") from error
    settings = None if config is None else load(config).settings
    return Service(parse_address(addr), seconds, modules or (), settings).checked()
