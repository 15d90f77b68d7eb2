"""`event-system events`: look at stored events, follow new ones."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from event_system.cli.client import DEFAULT_URL, AsJson, Connection, KeyOption, UrlOption
from event_system.cli.following import Follower
from event_system.cli.output import console, event_line, plain, print_json, show_event, table

WAIT_SECONDS: Final = 5
"""For which a search that takes long goes on in one request."""

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Stored events.")

TypeOption = Annotated[
    str | None, typer.Option("--type", help="Type or pattern: `player.*`, `player.>`.")
]
SourceOption = Annotated[str | None, typer.Option(help="Exactly this source.")]
SubjectOption = Annotated[str | None, typer.Option(help="Exactly this subject.")]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(help='Condition on the data: "data.level>=10", "data.guild exists". Repeatable.'),
]
StatusOption = Annotated[
    str | None,
    typer.Option(
        help="Of its delivery to a listener: handled, pending, skipped, retrying or dead."
    ),
]


@app.command("list")
def list_events(
    type_: TypeOption = None,
    source: SourceOption = None,
    subject: SubjectOption = None,
    since: Annotated[str | None, typer.Option(help="RFC 3339, or ago: -15m, -2h, -1d.")] = None,
    until: Annotated[str | None, typer.Option(help="The same.")] = None,
    order: Annotated[str, typer.Option(help="`newest` or `oldest` first.")] = "newest",
    where: WhereOption = None,
    status: StatusOption = None,
    listener: Annotated[
        str | None, typer.Option(help="Exactly this listener; needs --status.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Events a page.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    fields: Annotated[str | None, typer.Option(help="Attributes by commas; needs --json.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """List stored events, newest first."""
    if fields is not None and not as_json:
        raise typer.BadParameter("needs --json", param_hint="--fields")
    wanted = {"type": type_, "source": source, "subject": subject, "since": since, "until": until}
    paging = {"order": order, "cursor": cursor, "fields": fields}
    delivery = {"status": status, "listener": listener}
    query = {**wanted, **delivery, **paging, "where": where}
    page = _page(Connection(url, key), query, limit)
    if as_json:
        print_json(page)
        return
    out = console()
    for event in page["events"]:
        out.print(event_line(event), no_wrap=True, overflow="ellipsis")
    if page["next"]:
        out.print(plain(f"more: --cursor {page['next']}"), style="dim")


def _page(connection: Connection, query: dict[str, Any], limit: int) -> dict[str, Any]:
    """A page that is full unless it is the last one: a long search is followed to its end."""
    events: list[Any] = []
    while True:
        page: dict[str, Any] = connection.get(
            "/api/events", {**query, "limit": limit - len(events)}
        )
        events += page["events"]
        if "searched_to" not in page:
            return {"events": events, "next": page["next"]}
        query = {**query, "cursor": page["next"], "wait": WAIT_SECONDS}


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The event's id.")],
    source: Annotated[str | None, typer.Option(help="Where two sources use one id.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one event, and how each listener stands to it."""
    path = f"/api/events/{quote(id_, safe='')}"
    found = Connection(url, key).get(path, {"source": source})
    if as_json:
        print_json(found)
        return
    _show(found["event"], found["deliveries"])


def _show(event: dict[str, Any], deliveries: list[dict[str, Any]]) -> None:
    out = console()
    show_event(out, event)
    if deliveries:
        out.print()
        rows = ([each.get(name) for name in _DELIVERY] for each in deliveries)
        out.print(table([name.upper() for name in _DELIVERY], rows))


_DELIVERY = ("listener", "mode", "state", "attempts", "error", "at", "due")


@app.command()
def tail(
    type_: TypeOption = None,
    source: SourceOption = None,
    subject: SubjectOption = None,
    where: WhereOption = None,
    after: Annotated[
        int | None, typer.Option(min=0, help="Begin after this offset; 0 is the beginning.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="End after so many events.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Follow events as they are stored, until Ctrl-C. A lost connection is made again."""
    query = {"type": type_, "source": source, "subject": subject, "where": where}
    out = console()

    def on_event(event: dict[str, Any]) -> None:
        if as_json:
            print_json(event, indent=None)
        else:
            out.print(event_line(event), no_wrap=True, overflow="ellipsis")

    def on_notice(text: str) -> None:
        typer.echo(text, err=True)

    follower = Follower(Connection(url, key), query, on_event, on_notice)
    try:
        follower.run(after=after, count=count)
    except KeyboardInterrupt:
        return
