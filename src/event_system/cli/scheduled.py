"""`event-system scheduled`: events that wait for their time."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from event_system.cli.client import DEFAULT_URL, AsJson, Connection, KeyOption, UrlOption
from event_system.cli.output import console, data_of, plain, print_json, short_json, table

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Events that wait.")

_COLUMNS = ("DELIVER AT", "TYPE", "SUBJECT", "ID", "SOURCE", "DATA")


@app.command("list")
def list_scheduled(
    type_: Annotated[
        str | None, typer.Option("--type", help="Type or pattern: `player.*`, `player.>`.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Exactly this source.")] = None,
    subject: Annotated[str | None, typer.Option(help="Exactly this subject.")] = None,
    since: Annotated[str | None, typer.Option(help="Due at or after (RFC 3339).")] = None,
    until: Annotated[str | None, typer.Option(help="Due before (RFC 3339).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Events a page.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """List events that wait for their time, the earliest first."""
    wanted = {"type": type_, "source": source, "subject": subject, "since": since, "until": until}
    page = Connection(url, key).get("/api/scheduled", {**wanted, "limit": limit, "cursor": cursor})
    if as_json:
        print_json(page)
        return
    out = console()
    out.print(table(_COLUMNS, map(_row, page["events"])))
    if page["next"]:
        out.print(plain(f"more: --cursor {page['next']}"), style="dim")


def _row(event: dict[str, Any]) -> tuple[Any, ...]:
    data = data_of(event)
    return (
        *(event["deliver_at"], event["type"], event.get("subject"), event["id"], event["source"]),
        None if data is None else short_json(data),
    )


@app.command()
def cancel(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The event's id.")],
    source: Annotated[str | None, typer.Option(help="Where two sources use one id.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Cancel an event that waits: it will not be fired."""
    path = f"/api/scheduled/{quote(id_, safe='')}"
    cancelled = Connection(url, key).delete(path, {"source": source})
    if as_json:
        print_json(cancelled)
        return
    told = f"{cancelled['id']} ({cancelled['type']}) is cancelled; it was due"
    console().print(plain(f"{told} {cancelled['deliver_at']}"))
