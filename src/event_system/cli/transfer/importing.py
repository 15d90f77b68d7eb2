"""`event-system import`: the events of a file of JSON lines."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Final

import typer

from event_system.cli.client import DEFAULT_URL, AsJson, KeyOption, UrlOption
from event_system.cli.output import print_json
from event_system.cli.transfer.lines import CHUNK_LINES, LineReader, Naming
from event_system.cli.transfer.packing import unpacked
from event_system.cli.transfer.position import ImportPosition, PositionFile
from event_system.cli.transfer.showing import Bar
from event_system.cli.transfer.storing import Pace, Rejects, Storing
from event_system.client import EventClient
from event_system.kernel.clock import Clock, SystemClock
from event_system.kernel.errors import TransferFileError

SAVE_SECONDS: Final = 1.0
STDIN: Final = "stdin"
app = typer.Typer(add_completion=False)


@app.command("import")
def import_(
    file: Annotated[
        str,
        typer.Argument(help="JSON lines, plain or packed with gzip or zstd; `-` is stdin."),
    ],
    source: Annotated[str | None, typer.Option(help="Source of events that name none.")] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the import; with the line it is the id of events without one."),
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Events a second, at most.")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Skip bad lines instead of stopping at the first.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="File of the skipped lines.  [default: FILE.rejects]")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Store the events of a file. Run again, it stores nothing twice; interrupted, it goes on."""
    path = None if file == "-" else Path(file)
    naming = Naming(name or (STDIN if path is None else plain_name(path)), source)
    kept = rejects or Path((STDIN if path is None else file) + ".rejects")
    query = {"url": url, "name": naming.name, "source": source or "", "rejects": str(kept)}
    positions = PositionFile(path or Path(STDIN), ImportPosition(query))
    if path is not None:
        positions.load()
    job = FileImport(path, positions, naming, kept if partial else None, rate)
    try:
        with Bar(naming.name, hidden=as_json) as bar:
            asyncio.run(job.run(EventClient(url, key=key), bar, SystemClock()))
    except KeyboardInterrupt:
        typer.echo("interrupted: the same command goes on from here", err=True)
        raise typer.Exit(1) from None
    _conclude(positions.position, kept, as_json=as_json)


def plain_name(path: Path) -> str:
    """The file's name, the same whether it is packed or not."""
    return path.stem if path.suffix.lower() in (".gz", ".zst") else path.name


def _conclude(position: ImportPosition, rejects: Path, *, as_json: bool) -> None:
    counts = {
        "stored": position.stored,
        "duplicates": position.duplicates,
        "rejected": position.rejected,
        "lines": position.line,
    }
    if as_json:
        print_json(counts)
    else:
        typer.echo(", ".join(f"{count} {name}" for name, count in counts.items()), err=True)
    if position.rejected:
        typer.echo(f"the lines that were rejected are in {rejects}", err=True)
        raise typer.Exit(1)


@dataclass(slots=True)
class FileImport:
    """One import; `path` is None for standard input, of which no position is kept.

    Bad lines go to `rejects`; without it the first one stops the import.
    """

    path: Path | None
    positions: PositionFile[ImportPosition]
    naming: Naming
    rejects: Path | None
    rate: float | None

    async def run(self, client: EventClient, bar: Bar, clock: Clock) -> None:
        position = self.positions.position
        with ExitStack() as files:
            raw = self._open(files)
            lines = LineReader(unpacked(raw), chunk_lines=self._chunk_lines())
            lines.skip(position.line, position.end)
            rejects = self._rejects(files)
            way = Way(None if self.path is None else raw, bar, position)
            async with client:
                storing = Storing(client, self.naming, position, rejects)
                try:
                    await self._copy(lines, storing, way, clock)
                finally:
                    self._save(rejects)
        if self.path is not None:
            self.positions.remove()

    def _chunk_lines(self) -> int:
        """At a low rate a few at a time, so that they are spread over a second."""
        return CHUNK_LINES if self.rate is None else max(1, min(CHUNK_LINES, int(self.rate / 10)))

    def _open(self, files: ExitStack) -> IO[bytes]:
        if self.path is None:
            return sys.stdin.buffer
        try:
            return files.enter_context(self.path.open("rb"))
        except OSError as error:
            raise TransferFileError(f"{self.path}: {error.strerror}") from error

    def _rejects(self, files: ExitStack) -> Rejects | None:
        if self.rejects is None:
            return None
        try:
            file = files.enter_context(self.rejects.open("ab"))
            file.truncate(self.positions.position.rejects_bytes)
        except OSError as error:
            raise TransferFileError(f"{self.rejects}: {error.strerror}") from error
        return Rejects(file)

    async def _copy(self, lines: LineReader, storing: Storing, way: Way, clock: Clock) -> None:
        pace = Pace(self.rate, clock)
        saved = clock.monotonic()
        while chunk := await asyncio.to_thread(lines.chunk):
            await pace.wait(len(chunk))
            await storing.take(chunk)
            way.show()
            if clock.monotonic() - saved >= SAVE_SECONDS:
                self._save(storing.rejects)
                saved = clock.monotonic()

    def _save(self, rejects: Rejects | None) -> None:
        if rejects is not None:
            self.positions.position.rejects_bytes = rejects.sync()
        if self.path is not None:
            self.positions.save()


class Way:
    """Shows how much of a file is read; of standard input (None) nobody knows the length."""

    def __init__(self, raw: IO[bytes] | None, bar: Bar, position: ImportPosition) -> None:
        self._raw = raw
        self._total = None if raw is None else os.fstat(raw.fileno()).st_size
        self._bar = bar
        self._position = position

    def show(self) -> None:
        place = self._position.end if self._raw is None else self._raw.tell()
        done = self._position.stored + self._position.duplicates
        self._bar.move(place, self._total, done)
