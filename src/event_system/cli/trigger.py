"""`event-system trigger`: trigger one event."""

from __future__ import annotations

import sys
from datetime import timedelta
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
from event_system.events.idempotency import check_key
from event_system.kernel.clock import SystemClock, rfc3339
from event_system.node.quantities import parse_duration

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
    idempotency_key: Annotated[
        str | None,
        typer.Option(help="Makes its id; the same event under the same key is stored once."),
    ] = None,
    expected_offset: Annotated[
        int | None,
        typer.Option(
            min=0, help="Store it only where the subject's last event stands here; 0 is none."
        ),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="When it is to happen (RFC 3339); it waits until then.")
    ] = None,
    in_: Annotated[
        str | None, typer.Option("--in", help="The same, from now on: 90s, 10m, 1h30m, 7d.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Trigger an event on a running node; it is durable when this returns."""
    deliver_at = deliver_time(at, in_, SystemClock().now_us())
    members: dict[str, Any] = without_none(
        {"type": type_, "subject": subject, "source": source, "id": id_, "time": time}
    )
    members |= without_none({"deliver_at": deliver_at})
    if data is not None:
        members["data"] = read_data(data)
    headers = without_none({"idempotency-key": quoted(idempotency_key)})
    if expected_offset is not None:
        headers["if-match"] = f'"{expected_offset}"'
    body = msgspec.json.encode(members)
    receipt = Connection(url, key).post("/api/events/trigger", body, headers)
    show_receipt(receipt, as_json=as_json)


def quoted(text: str | None) -> str | None:
    """A key as a string of a structured header field. Raises `IdempotencyKeyError`."""
    if text is None:
        return None
    return '"' + check_key(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def deliver_time(at: str | None, in_: str | None, now_us: int) -> str | None:
    """The moment that `--at` or `--in` names. Raises `typer.BadParameter`."""
    if in_ is None:
        return at
    if at is not None:
        raise typer.BadParameter("excludes --at", param_hint="--in")
    try:
        delay = parse_duration(in_)
    except ValueError as error:
        raise typer.BadParameter(f"{error}", param_hint="--in") from error
    return rfc3339(now_us + delay // timedelta(microseconds=1))


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


def show_receipt(receipt: dict[str, Any], *, as_json: bool) -> None:
    """What became of one event."""
    from event_system.cli.output import console, plain, print_json, short_json

    if as_json:
        print_json(receipt)
        return
    out = console()
    known = " before" if receipt["duplicate"] else ""
    if "deliver_at" in receipt:
        told = f"was scheduled{known} for {receipt['deliver_at']}"
    else:
        told = f"{'was stored before, at' if known else 'stored at'} offset {receipt['offset']}"
    out.print(plain(f"{receipt['id']} {told}"))
    for result in receipt.get("results", ()):
        failed = result.get("error")
        told = f"failed: {failed}" if failed else short_json(result.get("result"))
        out.print(plain(f"  {result['listener']}: {told} ({result['ms']:.2f} ms)"))
