"""`event-system trigger`: trigger one event."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from event_system.cli.client import (
    DEFAULT_URL,
    AsJson,
    Connection,
    KeyOption,
    UrlOption,
    without_none,
)

app = typer.Typer(add_completion=False)


@app.command()
def trigger(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="Such as `player.level_up`.")],
    data: Annotated[
        str | None, typer.Option(help="JSON; `@FILE` reads a file, `-` standard input.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="What it is about, such as a player.")] = None,
    source: Annotated[str | None, typer.Option(help="Where it comes from.")] = None,
    id_: Annotated[
        str | None, typer.Option("--id", help="Its id; the same one is stored once.")
    ] = None,
    time: Annotated[str | None, typer.Option(help="When it happened (RFC 3339).")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Trigger an event on a running node; it is durable when this returns."""
    members: dict[str, Any] = without_none(
        {"type": type_, "subject": subject, "source": source, "id": id_, "time": time}
    )
    if data is not None:
        members["data"] = read_data(data)
    receipt = Connection(url, key).post("/api/events/trigger", msgspec.json.encode(members))
    _show(receipt, as_json=as_json)


def read_data(text: str) -> msgspec.Raw:
    """The JSON that `--data` names, unchanged. Raises `typer.BadParameter` where it is none."""
    raw = _bytes(text)
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise typer.BadParameter(f"no JSON: {error}", param_hint="--data") from error
    return msgspec.Raw(raw)


def _bytes(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{error}", param_hint="--data") from error


def _show(receipt: dict[str, Any], *, as_json: bool) -> None:
    from event_system.cli.output import console, plain, print_json, short_json

    if as_json:
        print_json(receipt)
        return
    out = console()
    known = "was stored before, at" if receipt["duplicate"] else "stored at"
    out.print(plain(f"{receipt['id']} {known} offset {receipt['offset']}"))
    for result in receipt.get("results", ()):
        failed = result.get("error")
        told = f"failed: {failed}" if failed else short_json(result.get("result"))
        out.print(plain(f"  {result['listener']}: {told} ({result['ms']:.2f} ms)"))
