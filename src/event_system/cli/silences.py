"""`event-system silences`: what is kept quiet, once or again and again."""

from __future__ import annotations

import getpass
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

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
from event_system.cli.output import console, plain, print_json, table
from event_system.kernel.clock import SystemClock, to_datetime
from event_system.node.quantities import parse_duration

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Silences.")

_COLUMNS: Final = ("ID", "STATE", "MATCHERS", "STARTS", "ENDS", "OWNER", "COMMENT")
_AGAIN: Final = ("ID", "STATE", "MATCHERS", "CRON", "ZONE", "FOR", "NEXT", "OWNER", "COMMENT")
_OPERATORS: Final = {
    (True, False): "=",
    (False, False): "!=",
    (True, True): "=~",
    (False, True): "!~",
}
_RECURRING: Final = "/api/silences/recurring"


@app.command("list")
def list_silences(
    every: Annotated[bool, typer.Option("--all", help="Also those that have expired.")] = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """List silences, and those that come again."""
    connection = Connection(url, key)
    silences, recurring = _all(connection, every=every)
    if as_json:
        print_json({"silences": silences, "recurring": recurring})
        return
    console().print(table(_COLUMNS, map(_row, silences)))
    if recurring:
        console().print(plain("\nRecurring:"))
        console().print(table(_AGAIN, map(_row_again, recurring)))


def _all(connection: Connection, *, every: bool) -> tuple[list[Any], list[Any]]:
    silences = connection.get("/api/v2/silences")
    recurring = connection.get(_RECURRING)["silences"]
    return [each for each in silences if every or _state(each) != "expired"], recurring


def _state(silence: dict[str, Any]) -> str:
    return str(silence["status"]["state"])


def _row(silence: dict[str, Any]) -> tuple[Any, ...]:
    matchers = ", ".join(map(_written, silence["matchers"]))
    return (
        *(silence["id"], _state(silence), matchers, silence["startsAt"], silence["endsAt"]),
        *(silence["createdBy"], silence["comment"]),
    )


def _row_again(silence: dict[str, Any]) -> tuple[Any, ...]:
    next_ = silence["next"]
    return (
        *(silence["id"], silence["state"], ", ".join(silence["matchers"]), silence["cron"]),
        *(silence["time_zone"], str(timedelta(seconds=silence["duration_seconds"]))),
        *(next_ and next_["starts_at"], silence["created_by"], silence["comment"]),
    )


def _written(matcher: dict[str, Any]) -> str:
    operator = _OPERATORS[matcher.get("isEqual", True), matcher["isRegex"]]
    return f"{matcher['name']}{operator}{json.dumps(matcher['value'], ensure_ascii=False)}"


@app.command()
def add(
    matchers: Annotated[
        list[str], typer.Argument(metavar="MATCHER…", help='severity="info", job=~"api.*"')
    ],
    comment: Annotated[str, typer.Option("--comment", "-c", help="Why.")],
    duration: Annotated[str, typer.Option("--duration", "-d", help="So long: 30m, 2h.")] = "1h",
    author: Annotated[str | None, typer.Option("--author", "-a", help="Its owner.")] = None,
    start: Annotated[str | None, typer.Option(help="From then on (RFC 3339); now.")] = None,
    cron: Annotated[
        str | None, typer.Option(help='Again at each of these times: "0 2 * * 0".')
    ] = None,
    zone: Annotated[str, typer.Option("--zone", help="Of --cron: Asia/Shanghai.")] = "UTC",
    until: Annotated[str | None, typer.Option(help="No more after then (with --cron).")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Keep alerts quiet, once from now on or at each time of a cron expression."""
    connection, owner, span = Connection(url, key), author or _user(), _span(duration)
    if cron is not None:
        body = {
            "matchers": matchers,
            "cron": cron,
            "time_zone": zone,
            "duration_seconds": int(span.total_seconds()),
            "created_by": owner,
            "comment": comment,
            **without_none({"starts_at": start, "ends_at": until}),
        }
        made = connection.post(_RECURRING, msgspec.json.encode(body))
        _told(made, made["id"], as_json=as_json)
        return
    begins = _moment(start)
    silence = {
        "matchers": [_matcher(text) for text in matchers],
        "startsAt": begins.isoformat(),
        "endsAt": (begins + span).isoformat(),
        "createdBy": owner,
        "comment": comment,
    }
    made = connection.post("/api/v2/silences", msgspec.json.encode(silence))
    _told(made, made["silenceID"], as_json=as_json)


def _told(made: Any, id_: str, *, as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        console().print(plain(id_))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise typer.BadParameter("the system knows no name: --author is needed") from error


def _span(duration: str) -> timedelta:
    try:
        return parse_duration(duration)
    except ValueError as error:
        raise typer.BadParameter(f"{error}", param_hint="--duration") from error


def _moment(start: str | None) -> datetime:
    if start is None:
        return to_datetime(SystemClock().now_us())
    try:
        found = datetime.fromisoformat(start)
    except ValueError as error:
        raise typer.BadParameter(f"{error}", param_hint="--start") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _matcher(text: str) -> dict[str, Any]:
    from event_system.alerting.matchers import parse_matcher

    found = parse_matcher(text)
    return {
        "name": found.name,
        "value": found.value,
        "isRegex": found.is_regex,
        "isEqual": found.is_equal,
    }


@app.command()
def expire(
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Of silences.")],
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """End silences now; of one that comes again, all its times."""
    connection = Connection(url, key)
    again = {each["id"] for each in connection.get(_RECURRING)["silences"]}
    for id_ in ids:
        path = _RECURRING if id_ in again else "/api/v2/silence"
        connection.delete(f"{path}/{id_}")
    if as_json:
        print_json({"expired": ids})


@app.command("export")
def export_silences(
    recurring: Annotated[
        bool,
        typer.Option(
            "--recurring/--no-recurring", help="With those that come again; amtool reads none."
        ),
    ] = True,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Write all silences that have not expired to standard output, as JSON."""
    silences, again = _all(Connection(url, key), every=False)
    made = {each["silence"] for each in again}
    kept = [each for each in silences if not recurring or each["id"] not in made]
    print_json([*kept, *(again if recurring else ())])


@app.command("import")
def import_silences(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Of `export` or amtool; `-`: input.")],
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Make the silences of a file anew; what has expired is left out."""
    connection, made = Connection(url, key), []
    for each in _read(file):
        if "cron" in each:
            body = {name: each[name] for name in _POSTED if each.get(name) is not None}
            made.append(connection.post(_RECURRING, msgspec.json.encode(body))["id"])
        elif each.get("status", {}).get("state") != "expired":
            body = {name: value for name, value in each.items() if name in _SILENCE}
            made.append(connection.post("/api/v2/silences", msgspec.json.encode(body))["silenceID"])
    if as_json:
        print_json({"made": made})
        return
    console().print(plain(f"{len(made):,} silences are made"))


_POSTED: Final = (
    *("matchers", "cron", "time_zone", "duration_seconds", "created_by", "comment"),
    *("starts_at", "ends_at"),
)
_SILENCE: Final = ("matchers", "startsAt", "endsAt", "createdBy", "comment")


def _read(file: str) -> list[dict[str, Any]]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="FILE") from error
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise typer.BadParameter(f"{file}: is no list of silences", param_hint="FILE")
    return found
