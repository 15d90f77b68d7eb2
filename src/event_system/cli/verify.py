"""`event-system verify`: hold everything that is kept against the log, and repair it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console

from event_system.cli.db import DirectoryOption
from event_system.cli.options import ConfigOption, JsonOption, load
from event_system.cli.output import console, facts, plain, print_json, table
from event_system.cli.transfer.showing import Bar
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import EventSystemError

if TYPE_CHECKING:
    from event_system.consistency.ports import Moved
    from event_system.consistency.report import Entry, Report
    from event_system.consistency.verify import Span

app = typer.Typer(add_completion=False)

COULD_NOT_LOOK = 2


@app.command()
def verify(
    config: ConfigOption = None,
    data_dir: DirectoryOption = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what is derived from the log.")
    ] = False,
    first: Annotated[
        int | None, typer.Option("--from", min=1, help="Walk over the log from this offset on.")
    ] = None,
    newest: Annotated[
        int | None, typer.Option("--last", min=1, help="Walk over the newest so many offsets.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold index, cursors, failures and what waits against the log, which is the truth.

    Nothing is changed without --repair. The node of a data directory must be stopped; on a
    database server nodes may be at work. Exit codes: 0 all agrees, or is mended; 1 something was
    found; 2 it could not be looked at.
    """
    from event_system.consistency.verify import Span

    if first is not None and newest is not None:
        raise typer.BadParameter("--from and --last exclude each other")
    try:
        with Bar("verify", hidden=as_json) as bar:
            report = _look(config, data_dir, Span(first, newest), repair, bar.move)
    except EventSystemError as error:
        from event_system.cli.main import tell

        tell(error)
        raise typer.Exit(COULD_NOT_LOOK) from error
    if as_json:
        print_json({"clean": report.is_clean, **msgspec.to_builtins(report)})
    else:
        _show(report)
    if not report.is_clean:
        raise typer.Exit(1)


def _look(
    config: Path | None, data_dir: Path | None, span: Span, repairing: bool, moved: Moved
) -> Report:
    from event_system.node.verification import verify_directory, verify_server

    clock = SystemClock()
    if data_dir is None:
        settings = load(config).settings
        if settings.database.enabled:
            return verify_server(
                settings.database.address,
                span,
                repairing=repairing,
                clock=clock,
                moved=moved,
                streamed=settings.backbone.enabled,
            )
        data_dir = Path(settings.data_dir)
    return verify_directory(data_dir, span, repairing=repairing, clock=clock, moved=moved)


def _show(report: Report) -> None:
    out = console()
    span = f" (offsets {report.first} to {report.last})"
    rate = round(report.events / report.seconds) if report.seconds else 0
    out.print(
        facts(
            [
                ("store", report.store),
                ("events", f"{report.events:,}" + span * bool(report.events)),
                ("took", f"{report.seconds:.1f} s, {rate:,} events/s"),
            ]
        )
    )
    found = [*report.findings, *report.notices]
    if found:
        rows = [(e.code, e.title, f"{e.count:,}", f"{e.repaired:,}") for e in found]
        out.print()
        out.print(table(("CODE", "WHAT", "FOUND", "MENDED"), rows))
    for entry in found:
        _show_entry(out, entry, repairing=report.repairing)
    if not report.findings:
        out.print("Everything agrees with the log.")
    elif report.is_clean:
        out.print("Everything that was found is mended.")


def _show_entry(out: Console, entry: Entry, *, repairing: bool) -> None:
    out.print()
    out.print(f"{entry.code}:", style="bold")
    for example in entry.examples:
        out.print(plain(f"  {example}"))
    if entry.count > len(entry.examples):
        out.print(f"  and {entry.count - len(entry.examples):,} more")
    if entry.repaired < entry.count or not repairing:
        out.print(plain(f"-> {entry.remedy}"))
