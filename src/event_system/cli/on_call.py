"""`event-system on-call`: who answers, who is next, and who stands in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

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

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Who is on call.")
override = typer.Typer(add_completion=False, no_args_is_help=True, help="Who stands in for whom.")
app.add_typer(override, name="override")

_OVERRIDE_COLUMNS = ("ID", "SCHEDULE", "PERSON", "START", "END", "BY", "NOTE")
_OVERRIDES = "/api/on-call/overrides"
MomentHelp = "RFC 3339 with a zone, such as 2026-11-22T12:00:00+08:00."
ScheduleArgument = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its name.")]
PersonArgument = Annotated[str, typer.Argument(metavar="PERSON", help="Who stands in.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The override's id.")]
FromOption = Annotated[str | None, typer.Option("--from", help=f"{MomentHelp} Now by default.")]
UntilOption = Annotated[str | None, typer.Option("--until", help=MomentHelp)]
ForOption = Annotated[str | None, typer.Option("--for", help="Instead of --until: 90m, 8h, 2d.")]
NoteOption = Annotated[str, typer.Option("--note", help="Why.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who says so; the key's name.")]


@app.command()
def now(
    at: Annotated[str | None, typer.Option("--at", help=f"{MomentHelp} Now by default.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show who is on call, until when, and who is next."""
    answer = Connection(url, key).get("/api/on-call/now", {"at": at})
    if as_json:
        print_json(answer)
        return
    columns = ("SCHEDULE", "ON CALL", "UNTIL", "NEXT", "STANDS IN")
    console().print(table(columns, map(_standing, answer["schedules"])))


def _standing(schedule: dict[str, Any]) -> tuple[Any, ...]:
    next_ = schedule["next"]
    return (
        schedule["schedule"],
        ", ".join(schedule["people"]) or "nobody",
        schedule["until"],
        None if next_ is None else f"{', '.join(next_['people'])} from {next_['start']}",
        schedule["override"],
    )


@app.command()
def people(url: UrlOption = DEFAULT_URL, key: KeyOption = None, as_json: AsJson = False) -> None:
    """List people, how they can be reached, and whether they work now."""
    answer = Connection(url, key).get("/api/on-call/people")
    if as_json:
        print_json(answer)
        return
    rows = (
        (
            *(each["name"], each["full_name"], each["full_name_zh"], each["time_zone"]),
            *("works" if each["works_now"] else "off", ", ".join(each["methods"]) or "none"),
        )
        for each in answer["people"]
    )
    columns = ("NAME", "FULL NAME", "IN CHINESE", "ZONE", "NOW", "REACHED BY")
    console().print(table(columns, rows))


@app.command()
def schedules(url: UrlOption = DEFAULT_URL, key: KeyOption = None, as_json: AsJson = False) -> None:
    """List schedules and the addresses of their calendar feeds."""
    answer = Connection(url, key).get("/api/on-call/schedules")
    if as_json:
        print_json(answer)
        return
    rows = (
        (
            *(each["name"], each["time_zone"], ", ".join(each["layers"])),
            *(each["description"], each["feed"] and f"{url.rstrip('/')}{each['feed']}"),
        )
        for each in answer["schedules"]
    )
    console().print(table(("SCHEDULE", "ZONE", "LAYERS", "WHAT FOR", "CALENDAR FEED"), rows))


@app.command()
def shifts(
    schedule: ScheduleArgument,
    from_: FromOption = None,
    until: UntilOption = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """List the shifts of a schedule, four weeks of them by default, and the gaps."""
    path = f"/api/on-call/schedules/{quote(schedule, safe='')}/shifts"
    answer = Connection(url, key).get(path, {"from": from_, "until": until})
    if as_json:
        print_json(answer)
        return
    rows = [
        (each["start"], each["end"], ", ".join(each["people"]), f"{each['kind']} {each['by']}")
        for each in answer["shifts"]
    ]
    rows += [(each["start"], each["end"], "nobody", "gap") for each in answer["gaps"]]
    console().print(table(("START", "END", "ON CALL", "BY"), sorted(rows)))


@override.command("list")
def list_overrides(
    schedule: Annotated[str | None, typer.Option("--schedule", help="Of this one only.")] = None,
    from_: FromOption = None,
    until: UntilOption = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """List overrides that are not over, or those of a span."""
    query = {"schedule": schedule, "from": from_, "until": until}
    _show_all(Connection(url, key).get(_OVERRIDES, query), as_json=as_json)


@override.command("add")
def add_override(
    schedule: ScheduleArgument,
    person: PersonArgument,
    from_: FromOption = None,
    until: UntilOption = None,
    for_: ForOption = None,
    note: NoteOption = "",
    by: ByOption = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody stand in; it is durable when this returns."""
    given = {"start": from_, "end": until, "for": for_, "by": by}
    body = {"schedule": schedule, "person": person, "note": note, **without_none(given)}
    _show(Connection(url, key).post(_OVERRIDES, msgspec.json.encode(body)), as_json=as_json)


@override.command("change")
def change_override(
    id_: IdArgument,
    person: Annotated[str | None, typer.Option("--person", help="Somebody else.")] = None,
    from_: FromOption = None,
    until: UntilOption = None,
    note: Annotated[str | None, typer.Option("--note", help="Why.")] = None,
    by: ByOption = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Change an override; of one that has begun only the end and the note."""
    connection, path = Connection(url, key), _path(id_)
    before = connection.get(path)
    kept = {name: before[name] for name in ("schedule", "person", "start", "end", "note")}
    given = {"person": person, "start": from_, "end": until, "note": note, "by": by}
    body = msgspec.json.encode(kept | without_none(given))
    _show(connection.put(path, body), as_json=as_json)


@override.command("end")
def end_override(
    id_: IdArgument, url: UrlOption = DEFAULT_URL, key: KeyOption = None, as_json: AsJson = False
) -> None:
    """End an override now; one that is to come is forgotten."""
    ended = Connection(url, key).delete(_path(id_))
    if as_json:
        print_json(ended)
        return
    console().print(plain(f"{ended['person']} stands in for {ended['schedule']} no more"))


@override.command("import")
def import_overrides(
    schedule: ScheduleArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, help="An .ics file.")],
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Make overrides of the events of a calendar, each of which names a person."""
    path = f"{_OVERRIDES}/import?{urlencode({'schedule': schedule})}"
    headers = {"content-type": "text/calendar"}
    _show_all(Connection(url, key).post(path, file.read_bytes(), headers), as_json=as_json)


def _path(id_: str) -> str:
    return f"{_OVERRIDES}/{quote(id_, safe='')}"


def _show(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    console().print(facts(made.items()))


def _show_all(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    names = [column.lower() for column in _OVERRIDE_COLUMNS]
    rows = ([each[name] for name in names] for each in answer["overrides"])
    console().print(table(_OVERRIDE_COLUMNS, rows))
