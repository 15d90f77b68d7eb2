"""`event-system listeners`: what handles events, and how far it is."""

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

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The listeners of a node.")

_COLUMNS = ("NAME", "MODE", "PATTERNS", "STATE", "LAG", "HANDLED", "PER S", "ERRORS", "LAST ERROR")


NameArgument = Annotated[str, typer.Argument(help="The listener's name.")]


def _path(name: str) -> str:
    return f"/api/listeners/{quote(name, safe='')}"


@app.command("list")
def list_listeners(
    url: UrlOption = DEFAULT_URL, key: KeyOption = None, as_json: AsJson = False
) -> None:
    """List all listeners with lag, rates and errors."""
    answer = Connection(url, key).get("/api/listeners")
    if as_json:
        print_json(answer)
        return
    console().print(table(_COLUMNS, (_row(each) for each in answer["listeners"])))


def _row(listener: dict[str, Any]) -> tuple[Any, ...]:
    return (
        *(listener["name"], listener["mode"], " ".join(listener["patterns"]), listener["state"]),
        *(listener["lag"], listener["handled"], f"{listener['rate']:.1f}", listener["errors"]),
        listener["last_error"],
    )


@app.command()
def show(
    name: NameArgument,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one listener: its declaration, its figures, its cursors by lane."""
    listener = Connection(url, key).get(_path(name))
    if as_json:
        print_json(listener)
        return
    out = console()
    cursors = listener.pop("cursors")
    listener["patterns"] = " ".join(listener["patterns"])
    out.print(facts((name.replace("_", " "), value) for name, value in listener.items()))
    if cursors:
        out.print()
        rows = sorted(cursors.items(), key=lambda cursor: int(cursor[0]))
        out.print(table(("LANE", "CURSOR"), rows))


@app.command()
def pause(
    name: NameArgument,
    for_: Annotated[
        str | None, typer.Option("--for", help="90s, 15m, 1h, 2d; an hour by default.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="RFC 3339, at most 30 days ahead.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Give a listener no events until then; it goes on by itself where it stood."""
    body = msgspec.json.encode(without_none({"for": for_, "until": until}))
    answer = Connection(url, key).post(f"{_path(name)}/pause", body)
    _tell(answer, f"{name} is paused until {answer['paused_until']}", as_json=as_json)


@app.command()
def resume(
    name: NameArgument,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """End a listener's pause."""
    answer = Connection(url, key).post(f"{_path(name)}/resume", b"{}")
    _tell(answer, f"{name} is {answer['state']}, {answer['lag']} events behind", as_json=as_json)


@app.command()
def purge(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Forget a removed listener: its cursors, failed deliveries and tables, for good."""
    node = Connection(url, key)
    found = node.get(_path(name))
    if not yes:
        typer.confirm(
            f"Forget {name} ({found['state']}, {found['lag']} events behind) with its tables?",
            abort=True,
            err=True,
        )
    _tell(node.delete(_path(name)), f"{name} is forgotten", as_json=as_json)


def _tell(answer: dict[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        console().print(plain(text))
