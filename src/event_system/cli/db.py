"""`event-system db`: look after a data directory, or after the tables on a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from event_system.cli.migrations import export_schema, migrate, rollback, status
from event_system.cli.options import ConfigOption, JsonOption, load
from event_system.cli.output import console, facts, print_json, table
from event_system.kernel.clock import rfc3339
from event_system.kernel.errors import ConfigurationError

if TYPE_CHECKING:
    from event_system.node.inspection import DirectoryReport

app = typer.Typer(add_completion=False, no_args_is_help=True)

DirectoryOption = Annotated[
    Path | None, typer.Option("--data-dir", help="The data directory; else the configuration's.")
]


@app.callback()
def db() -> None:
    """What is stored: the files of a data directory, or the tables on a database server."""


@app.command()
def stats(
    config: ConfigOption = None, data_dir: DirectoryOption = None, as_json: JsonOption = False
) -> None:
    """Show what the files hold; the node may be running."""
    from event_system.node.inspection import inspect

    _show(inspect(_directory(config, data_dir), check=False), as_json)


@app.command()
def check(
    config: ConfigOption = None, data_dir: DirectoryOption = None, as_json: JsonOption = False
) -> None:
    """Read every file and verify it; exit code 1 where one is damaged. The node may be running."""
    from event_system.node.inspection import inspect

    report = inspect(_directory(config, data_dir), check=True)
    _show(report, as_json)
    if not report.is_sound:
        raise typer.Exit(1)
    if not as_json:
        console().print("All files are sound.")


@app.command()
def compact(
    config: ConfigOption = None, data_dir: DirectoryOption = None, as_json: JsonOption = False
) -> None:
    """Give free pages back to the disk; the node must be stopped."""
    from event_system.node.inspection import compact_all

    freed = {}
    for name, count in compact_all(_directory(config, data_dir)):
        freed[name] = count
        if not as_json:
            console().print(f"{name}: {_size(count)} came free")
    if as_json:
        print_json({"freed_bytes": freed})


app.command()(migrate)
app.command()(rollback)
app.command()(status)
app.command("export-schema")(export_schema)


def _directory(config: Path | None, data_dir: Path | None) -> Path:
    if data_dir is not None:
        return data_dir
    settings = load(config, {}).settings
    if settings.database.enabled:
        raise ConfigurationError(
            f"the node stores in {settings.database.address}: use the server's own tools and "
            "`event-system db status`, or name a directory with --data-dir",
            where="database.enabled",
        )
    return Path(settings.data_dir)


def _size(count: int) -> str:
    mib = count / 1024**2
    return f"{mib:,.1f} MiB" if mib >= 0.1 else f"{count:,} bytes"


def _show(report: DirectoryReport, as_json: bool) -> None:
    if as_json:
        print_json(_plain(report))
        return
    out, log = console(), report.log
    pairs: list[tuple[str, Any]] = [
        ("directory", report.directory),
        ("size", _size(report.bytes)),
        ("disk free", _size(report.disk_free_bytes)),
        ("offsets", f"{log.oldest_offset} to {log.newest_offset}"),
    ]
    if log.newest_us:
        pairs.append(("received", f"{rfc3339(log.oldest_us)} to {rfc3339(log.newest_us)}"))
    out.print(facts(pairs))
    rows = [
        (f.file, f.role, _size(f.bytes), _size(f.free_bytes), _counts(f.rows)) for f in report.files
    ]
    out.print(table(("FILE", "WHAT", "SIZE", "FREE", "ROWS"), rows))
    for file in report.files:
        for fault in file.faults:
            out.print(f"{file.file}: {fault}", style="red")
        if file.remedy:
            out.print(f"-> {file.remedy}")
    for fault in report.faults:
        out.print(fault, style="red")


def _counts(rows: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in rows.items())


def _plain(report: DirectoryReport) -> dict[str, Any]:
    return {**msgspec.to_builtins(report), "sound": report.is_sound}
