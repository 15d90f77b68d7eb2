"""`event-system dead-letters`: events that no attempt could handle, and what to do with them."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

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
from event_system.cli.output import console, facts, plain, print_json, show_event, table

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Events that no attempt could handle."
)

ListenerOption = Annotated[str | None, typer.Option(help="Exactly this listener.")]
TypeOption = Annotated[str | None, typer.Option("--type", help="Type or pattern: `player.*`.")]
SinceOption = Annotated[
    str | None, typer.Option(help="Dead since then: RFC 3339, or ago: -15m, -2h, -1d.")
]
UntilOption = Annotated[str | None, typer.Option(help="Dead before then: the same.")]
OffsetOption = Annotated[
    list[int] | None, typer.Option("--offset", min=1, help="This event; may be repeated.")
]
AllOption = Annotated[bool, typer.Option("--all", help="All of them.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_COLUMNS = ("listener", "offset", "type", "attempts", "died_at", "error")
_COLUMNS_DUE = ("listener", "offset", "type", "attempts", "due", "error")


@app.command("list")
def list_dead_letters(
    listener: ListenerOption = None,
    type_: TypeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    state: Annotated[str, typer.Option(help="`dead`, `retrying` or `blocking`.")] = "dead",
    order: Annotated[str, typer.Option(help="`newest` or `oldest` first.")] = "newest",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="A page's most.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest first; or failed events that are tried again."""
    wanted = {"listener": listener, "type": type_, "since": since, "until": until}
    paging = {"state": state, "order": order, "limit": limit, "cursor": cursor}
    page = Connection(url, key).get("/api/dead-letters", {**wanted, **paging})
    if as_json:
        print_json(page)
        return
    columns = _COLUMNS if state == "dead" else _COLUMNS_DUE
    rows = ([each.get(name) for name in columns] for each in page["dead_letters"])
    out = console()
    out.print(table([name.replace("_", " ").upper() for name in columns], rows))
    if page["next"]:
        out.print(plain(f"more: --cursor {page['next']}"), style="dim")


@app.command()
def show(
    listener: Annotated[str, typer.Argument(help="The listener's name.")],
    offset: Annotated[int, typer.Argument(min=1, help="The event's offset.")],
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter with its traceback and its event."""
    found = Connection(url, key).get(f"/api/dead-letters/{quote(listener, safe='')}/{offset}")
    if as_json:
        print_json(found)
        return
    out = console()
    letter = found["dead_letter"]
    traceback = letter.pop("traceback", "")
    out.print(facts((name.replace("_", " "), value) for name, value in letter.items()))
    if traceback:
        out.print()
        out.print(plain(traceback.rstrip()))
    if found["event"] is not None:
        out.print()
        show_event(out, found["event"])


@app.command()
def requeue(
    listener: ListenerOption = None,
    type_: TypeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    offset: OffsetOption = None,
    all_: AllOption = False,
    yes: YesOption = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Handle dead letters again, with all their attempts before them."""
    choice = _choice(listener, type_, since, until, offset, all_=all_)
    _decide("requeue", "requeued", choice, Connection(url, key), yes=yes, as_json=as_json)


@app.command()
def discard(
    listener: ListenerOption = None,
    type_: TypeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    offset: OffsetOption = None,
    all_: AllOption = False,
    yes: YesOption = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Forget dead letters for good; their events stay in the log."""
    choice = _choice(listener, type_, since, until, offset, all_=all_)
    _decide("discard", "discarded", choice, Connection(url, key), yes=yes, as_json=as_json)


def _choice(
    listener: str | None,
    type_: str | None,
    since: str | None,
    until: str | None,
    offset: list[int] | None,
    *,
    all_: bool,
) -> dict[str, Any]:
    choice = {"listener": listener, "type": type_, "since": since, "until": until}
    return without_none({**choice, "offsets": offset or None, "all": all_ or None})


def _decide(
    action: str,
    done: str,
    choice: dict[str, Any],
    connection: Connection,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Tell how many are meant, ask, and do it if there still are so many."""
    path = f"/api/dead-letters/{action}"
    count = connection.post(path, msgspec.json.encode({**choice, "dry_run": True}))["count"]
    if not yes and (count == 0 or not typer.confirm(f"{action} {count} dead letters?", err=True)):
        answer = {"count": count, "done": False}
    else:
        answer = connection.post(path, msgspec.json.encode({**choice, "expect": count}))
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"{count} {done}" if answer["done"] else f"nothing {done} ({count} found)")
