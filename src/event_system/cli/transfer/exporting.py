"""`event-system export`: stored events into a file of CloudEvents lines."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from event_system.cli.client import DEFAULT_URL, AsJson, KeyOption, UrlOption, without_none
from event_system.cli.events import SourceOption, SubjectOption, TypeOption
from event_system.cli.output import print_json
from event_system.cli.transfer.packing import Writer
from event_system.cli.transfer.position import ExportPosition, PositionFile
from event_system.cli.transfer.showing import Bar
from event_system.client import EventClient
from event_system.client.reading import EventFilter, Exported
from event_system.kernel.clock import Clock, SystemClock
from event_system.kernel.errors import TransferFileError

SEAL_BYTES: Final = 16_777_216
SEAL_SECONDS: Final = 2.0
app = typer.Typer(add_completion=False)


@app.command()
def export(
    file: Annotated[
        str,
        typer.Argument(help="FILE.ndjson, FILE.ndjson.gz or FILE.ndjson.zst; `-` is stdout."),
    ],
    type_: TypeOption = None,
    source: SourceOption = None,
    subject: SubjectOption = None,
    since: Annotated[str | None, typer.Option(help="RFC 3339, or ago: -15m, -2h, -1d.")] = None,
    until: Annotated[str | None, typer.Option(help="The same.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Only events after this offset.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Begin anew where FILE exists.")] = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Write stored events to a file, oldest first. Interrupted, the same command goes on."""
    filters: dict[str, str] = without_none(
        {"type": type_, "source": source, "subject": subject, "since": since, "until": until}
    )
    wanted = cast("EventFilter", filters)
    client = EventClient(url, key=key)
    if file == "-":
        with suppress(BrokenPipeError):
            asyncio.run(_to_stdout(client, wanted, after))
        return
    query = {"url": url, "after": str(after), **filters}
    position = PositionFile(Path(file), ExportPosition(query, after))
    done = _to_file(client, Path(file), wanted, position, overwrite=overwrite, quiet=as_json)
    if as_json:
        print_json(done)
    else:
        typer.echo(f"{done['events']} events in {file}, {done['bytes']} bytes", err=True)


async def _to_stdout(client: EventClient, wanted: EventFilter, after: int) -> None:
    async with client:
        async for part in client.export(after=after, **wanted):
            sys.stdout.buffer.writelines(part.lines)
            sys.stdout.buffer.flush()


def _to_file(
    client: EventClient,
    path: Path,
    wanted: EventFilter,
    file: PositionFile[ExportPosition],
    *,
    overwrite: bool,
    quiet: bool,
) -> dict[str, Any]:
    if not overwrite:
        file.load()
        if path.exists() and not file.found:
            raise TransferFileError(f"{path} exists already: give --overwrite, or another name")
    try:
        with Bar(path.name, hidden=quiet) as bar:
            asyncio.run(FileExport(client, path, file, bar, SystemClock()).run(wanted))
    except KeyboardInterrupt:
        typer.echo("interrupted: the same command goes on from here", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        raise TransferFileError(f"{path}: {error.strerror}") from error
    position = file.position
    return {"file": str(path), "events": position.events, "bytes": position.bytes}


class FileExport:
    """An export into a file. What is sealed is complete and remembered by `file`."""

    def __init__(
        self,
        client: EventClient,
        path: Path,
        file: PositionFile[ExportPosition],
        bar: Bar,
        clock: Clock,
    ) -> None:
        self._client = client
        self._file = file
        self._bar = bar
        self._monotonic = clock.monotonic
        self._sealed = clock.monotonic()
        self._writer = Writer(path, file.position.bytes)

    async def run(self, wanted: EventFilter) -> None:
        try:
            self._file.save()
            await self._copy(wanted)
            self._seal()
            self._file.remove()
        finally:
            self._writer.close()

    async def _copy(self, wanted: EventFilter) -> None:
        """Interrupted, seal what has come; where the disk fails, the last seal holds."""
        position = self._file.position
        try:
            async with self._client as client:
                async for part in client.export(after=position.after, **wanted):
                    self._take(part)
        except (asyncio.CancelledError, Exception) as error:
            if not isinstance(error, OSError):
                self._seal()
            raise

    def _take(self, part: Exported) -> None:
        position = self._file.position
        if part.lines:
            self._writer.write(b"".join(part.lines))
        position.after = part.position
        position.events += len(part.lines)
        self._bar.move(part.position, part.through, position.events)
        if self._writer.unsealed >= SEAL_BYTES or self._monotonic() - self._sealed >= SEAL_SECONDS:
            self._seal()

    def _seal(self) -> None:
        """First the lines, then the position: it never says more than the file holds."""
        self._file.position.bytes = self._writer.seal()
        self._file.save()
        self._sealed = self._monotonic()
