"""`event-system replays`: stored events, shown to a listener again."""

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

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Stored events, shown to a listener again."
)

ListenerArgument = Annotated[str, typer.Argument(help="The listener's name.")]
IdArgument = Annotated[int, typer.Argument(min=1, help="The replay's number.")]

_COLUMNS = ("ID", "STATE", "MODE", "FROM", "UNTIL", "DONE", "HANDLED", "FAILED", "PER S", "END")


def _path(listener: str, id_: int | None = None) -> str:
    replays = f"/api/listeners/{quote(listener, safe='')}/replays"
    return replays if id_ is None else f"{replays}/{id_}"


def _place(text: str | None) -> int | str | None:
    """An offset, or a time as it was written."""
    return int(text) if text is not None and text.isdecimal() else text


@app.command()
def start(
    listener: ListenerArgument,
    from_: Annotated[
        str, typer.Option("--from", help="The first offset, or a time: RFC 3339, or ago: -2h, -1d.")
    ],
    until: Annotated[
        str | None, typer.Option(help="The last offset, or a time; up to now by default.")
    ] = None,
    mode: Annotated[
        str,
        typer.Option(help="`all`, or `missed`: dead letters, and what came before the listener."),
    ] = "all",
    rate: Annotated[float | None, typer.Option(help="Events per second at most.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show a listener stored events again, beside its live delivery."""
    wanted = {"from": _place(from_), "until": _place(until), "mode": mode, "rate": rate}
    body = msgspec.json.encode(without_none(wanted))
    started = Connection(url, key).post(_path(listener), body)
    text = f"replay {started['id']}: {started['from_offset']} to {started['until_offset']}"
    _tell(started, text, as_json=as_json)


@app.command("list")
def list_replays(
    listener: ListenerArgument,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """List a listener's replays, the newest first."""
    answer = Connection(url, key).get(_path(listener))
    if as_json:
        print_json(answer)
        return
    console().print(table(_COLUMNS, (_row(each) for each in answer["replays"])))


def _row(replay: dict[str, Any]) -> tuple[Any, ...]:
    return (
        *(replay["id"], replay["state"], replay["mode"]),
        *(replay["from_offset"], replay["until_offset"], f"{replay['progress']:.1%}"),
        *(replay["handled"], replay["failed"], f"{replay['rate']:.1f}"),
        replay["ended_at"] or replay["estimated_end"],
    )


@app.command()
def show(
    listener: ListenerArgument,
    id_: IdArgument,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one replay: how far it is, how fast it goes, when it will probably be done."""
    found = Connection(url, key).get(_path(listener, id_))
    if as_json:
        print_json(found)
        return
    console().print(facts((name.replace("_", " "), value) for name, value in found.items()))


@app.command()
def cancel(
    listener: ListenerArgument,
    id_: IdArgument,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """End a replay where it stands; what was handled stays handled."""
    ended = Connection(url, key).delete(_path(listener, id_))
    _tell(ended, f"replay {id_} is {ended['state']} at offset {ended['offset']}", as_json=as_json)


def _tell(replay: dict[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(replay)
    else:
        console().print(plain(text))
