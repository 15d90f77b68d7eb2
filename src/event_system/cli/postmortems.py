"""`event-system postmortems`: what was learned, and what is to be done."""

from __future__ import annotations

import sys
from pathlib import Path
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
from event_system.cli.output import console, plain, print_json, table

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Postmortems.")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The incident's id.")]
OwnerOption = Annotated[str | None, typer.Option("--owner", help="Who does it.")]
DueOption = Annotated[str | None, typer.Option("--due", help="RFC 3339: 2026-12-01T12:00:00Z.")]
VersionOption = Annotated[
    int | None, typer.Option("--version", min=1, help="Do nothing where it has another version.")
]


def _path(incident: str) -> str:
    return f"/api/postmortems/{quote(incident, safe='')}"


@app.command("list")
def list_postmortems(
    url: UrlOption = DEFAULT_URL, key: KeyOption = None, as_json: AsJson = False
) -> None:
    """List postmortems, the newest first."""
    answer = Connection(url, key).get("/api/postmortems")
    if as_json:
        print_json(answer)
        return
    rows = (
        (each["incident"], each["state"], each["author"], _left(each["items"]), each["title"])
        for each in answer["postmortems"]
    )
    console().print(table(("INCIDENT", "STATE", "AUTHOR", "OPEN ITEMS", "TITLE"), rows))


def _left(items: list[dict[str, Any]]) -> str:
    left = [item for item in items if item["state"] == "open"]
    overdue = sum(item["overdue"] for item in left)
    return f"{len(left)} ({overdue} overdue)" if overdue else str(len(left))


@app.command()
def start(
    incident: IdArgument,
    language: Annotated[str, typer.Option("--language", help="`en` or `zh`.")] = "en",
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Begin one: its document is prefilled from the incident."""
    body = msgspec.json.encode({"language": language})
    _show(Connection(url, key).post(_path(incident), body), as_json=as_json)


@app.command()
def show(
    incident: IdArgument,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Print the document, and the action items."""
    _show(Connection(url, key).get(_path(incident)), as_json=as_json)


def _show(postmortem: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(postmortem)
        return
    out = console()
    out.print(plain(postmortem["markdown"]), soft_wrap=True)
    rows = (
        (each["id"], each["state"], each["owner"], each["due"], each["text"])
        for each in postmortem["items"]
    )
    out.print(table(("ITEM", "STATE", "OWNER", "DUE", "WHAT"), rows))


@app.command()
def write(
    incident: IdArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Markdown; `-` is standard input.")],
    version: VersionOption = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Replace the document."""
    if file == "-":
        text = sys.stdin.read()
    else:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter(f"{error}", param_hint="FILE") from error
    body = msgspec.json.encode(without_none({"markdown": text, "version": version}))
    _show(Connection(url, key).put(_path(incident), body), as_json=as_json)


@app.command()
def finish(
    incident: IdArgument,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Say that it is finished; its action items are tracked on."""
    done = Connection(url, key).put(_path(incident), b'{"done":true}')
    _show(done, as_json=as_json)


@app.command()
def item(
    incident: IdArgument,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="What is to be done.")] = None,
    number: Annotated[
        int | None, typer.Option("--number", min=1, help="Change this one; else a new one.")
    ] = None,
    owner: OwnerOption = None,
    due: DueOption = None,
    state: Annotated[
        str | None, typer.Option("--state", help="`open`, `done` or `dropped`.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Add an action item, or change one."""
    given = {"text": text, "owner": owner, "due": due, "state": state}
    body = msgspec.json.encode(without_none(given))
    connection, path = Connection(url, key), f"{_path(incident)}/items"
    done = (
        connection.post(path, body) if number is None else connection.put(f"{path}/{number}", body)
    )
    _show(done, as_json=as_json)
