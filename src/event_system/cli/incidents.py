"""`event-system incidents`: what people do about alerts."""

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
from event_system.cli.output import console, facts, plain, print_json, table
from event_system.node.quantities import parse_duration

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Incidents.")

_COLUMNS = ("ID", "LEVEL", "STATE", "SERVICE", "OPENED", "ASSIGNEE", "TITLE")
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Such as INC-20261121-0001.")]
TextArgument = Annotated[str, typer.Argument(metavar="TEXT", help="What is to be written down.")]
NoteOption = Annotated[str | None, typer.Option("--note", "-m", help="A note beside it.")]
VersionOption = Annotated[
    int | None,
    typer.Option("--version", min=1, help="Do nothing where the incident has another version."),
]
ChineseOption = Annotated[bool, typer.Option("--zh", help="The timeline in Chinese.")]


def _path(incident: str, verb: str = "") -> str:
    return f"/api/incidents/{quote(incident, safe='')}" + (f"/{verb}" if verb else "")


@app.command("list")
def list_incidents(
    state: Annotated[str, typer.Option("--state", help="One state, `open`, or `all`.")] = "open",
    level: Annotated[
        list[str] | None, typer.Option("--level", help="P0 … P3; may be given again.")
    ] = None,
    service: Annotated[str | None, typer.Option("--service", help="Exactly this one.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="RFC 3339, or `-2d`.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="The same.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="So many.")] = 50,
    cursor: Annotated[str | None, typer.Option("--cursor", help="`next` of a page.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Find incidents, the newest first."""
    query = {
        "state": state,
        "level": level or None,
        "service": service,
        "since": since,
        "until": until,
        "limit": limit,
        "cursor": cursor,
    }
    answer = Connection(url, key).get("/api/incidents", query)
    if as_json:
        print_json(answer)
        return
    console().print(table(_COLUMNS, map(_row, answer["incidents"])))
    if answer["next"]:
        console().print(plain(f"more with --cursor {answer['next']}"))


def _row(incident: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        incident[name]
        for name in ("id", "level", "state", "service", "opened", "assignee", "title")
    )


@app.command()
def show(
    incident: IdArgument,
    chinese: ChineseOption = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one incident with its alerts and its timeline."""
    found = Connection(url, key).get(_path(incident))
    if as_json:
        print_json(found)
        return
    told = {name: value for name, value in found.items() if not isinstance(value, list | dict)}
    out = console()
    out.print(facts((n.replace("_", " "), v) for n, v in told.items() if v not in {None, ""}))
    because = "because_zh" if chinese else "because"
    rows = (
        (each["name"], each["starts"], each["ends"] or "fires", each["value"], each[because])
        for each in found["alerts"]
    )
    out.print()
    out.print(table(("ALERT", "BEGAN", "ENDED", "VALUE", "WHY HERE"), rows))
    sentence = "told_zh" if chinese else "told"
    entries = ((each["at"], each["who"], each[sentence]) for each in found["timeline"])
    out.print()
    out.print(table(("WHEN", "WHO", "WHAT"), entries))
    out.print()
    for each in found["links"]:  # one line each, however long: they are there to be copied
        out.print(plain(f"{each['title']}: {each['url']}"), soft_wrap=True)


def _act(
    connection: Connection,
    incident: str,
    verb: str,
    body: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    given = msgspec.json.encode(without_none(body))
    done = connection.post(_path(incident, verb), given)
    if as_json:
        print_json(done)
        return
    console().print(plain(f"{done['id']} is {done['state']}, {done['level']}: {done['title']}"))


def _acting(name: str, verb: str, help_: str) -> None:
    """The command of an action that takes a note and nothing else."""

    @app.command(name, help=help_)
    def act(
        incident: IdArgument,
        note: NoteOption = None,
        version: VersionOption = None,
        url: UrlOption = DEFAULT_URL,
        key: KeyOption = None,
        as_json: AsJson = False,
    ) -> None:
        body = {"text": note, "version": version}
        _act(Connection(url, key), incident, verb, body, as_json=as_json)


_acting("ack", "acknowledge", "Say that you have seen it: escalation stops.")


@app.command()
def assign(
    incident: IdArgument,
    assignee: Annotated[str, typer.Argument(metavar="NAME", help="Who is to look after it.")],
    note: NoteOption = None,
    version: VersionOption = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Give it to somebody, who is paged."""
    body = {"assignee": assignee, "text": note, "version": version}
    _act(Connection(url, key), incident, "assign", body, as_json=as_json)


@app.command()
def note(
    incident: IdArgument,
    text: TextArgument,
    kind: Annotated[
        str,
        typer.Option(
            "--as", help="`update`, `analyse` (an analysis) or `mitigate` (what was done)."
        ),
    ] = "update",
    version: VersionOption = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Write into the timeline."""
    if kind not in {"update", "analyse", "mitigate"}:
        raise typer.BadParameter("is update, analyse or mitigate", param_hint="--as")
    body = {"text": text, "version": version}
    _act(Connection(url, key), incident, kind, body, as_json=as_json)


@app.command()
def reclassify(
    incident: IdArgument,
    level: Annotated[str, typer.Argument(metavar="LEVEL", help="P0 … P3.")],
    note: NoteOption = None,
    version: VersionOption = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Change its level."""
    body = {"level": level, "text": note, "version": version}
    _act(Connection(url, key), incident, "reclassify", body, as_json=as_json)


@app.command()
def snooze(
    incident: IdArgument,
    span: Annotated[str, typer.Argument(metavar="SPAN", help="Such as 30m, 2h, 1d.")] = "1h",
    note: NoteOption = None,
    version: VersionOption = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Page nobody for a while."""
    try:
        seconds = int(parse_duration(span).total_seconds())
    except ValueError as error:
        raise typer.BadParameter(f"{error}", param_hint="SPAN") from error
    body = {"seconds": seconds, "text": note, "version": version}
    _act(Connection(url, key), incident, "snooze", body, as_json=as_json)


_acting("resolve", "resolve", "Say that it is over: whoever was paged hears of it.")
_acting("reopen", "reopen", "Say that it is not over.")


@app.command()
def merge(
    incident: IdArgument,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The incident that takes it in.")],
    note: NoteOption = None,
    version: VersionOption = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Take an incident into another one."""
    body = {"into": into, "text": note, "version": version}
    _act(Connection(url, key), incident, "merge", body, as_json=as_json)


@app.command()
def split(
    incident: IdArgument,
    alerts: Annotated[list[str], typer.Argument(metavar="FINGERPRINT", help="Its alerts.")],
    title: Annotated[str | None, typer.Option("--title", help="Of the new incident.")] = None,
    note: NoteOption = None,
    version: VersionOption = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Move alerts into an incident of their own."""
    body = {"alerts": alerts, "title": title, "text": note, "version": version}
    _act(Connection(url, key), incident, "split", body, as_json=as_json)


_acting("close", "close", "Say that nothing is to come: the postmortem is written, or not wanted.")
