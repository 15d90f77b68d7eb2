"""`event-system top`: a node's figures, live."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from event_system.cli.client import DEFAULT_URL, AsJson, Connection, KeyOption, UrlOption
from event_system.cli.keyboard import Keyboard
from event_system.cli.looks import SORTS, Looks
from event_system.cli.output import console, plain, print_json, table
from event_system.kernel.clock import Clock, SystemClock

app = typer.Typer(add_completion=False)

_COLUMNS: Final = (
    *("LISTENER", "MODE", "STATE", "LAG", "TREND", "PER S", "ERRORS/S", "RETRYING", "DEAD"),
    *("LAG SO FAR", "LAST ERROR"),
)
_LEFT_OUT: Final = ("LAG SO FAR", "MODE", "LAST ERROR", "RETRYING", "TREND")
"""Where a terminal has no room for all columns, in this order."""
_WIDEST: Final = {"LISTENER": 40, "LAST ERROR": 20}
"""Characters that these columns ask for at most; they are cut where there are fewer."""
_COLOURS: Final = {"ok": "green", "degraded": "yellow", "down": "bold red"}
_GAP: Final = 2
_BARS: Final = "▁▂▃▄▅▆▇█"
_BARS_SHOWN: Final = 20
_OTHER_LINES: Final = 6
_SORT_KEYS: Final = {sort[0]: sort for sort in SORTS}
_HELP: Final = "q quits; sort by l lag, r rate, e errors, n name"


@app.command()
def top(
    interval: Annotated[
        float, typer.Option("--interval", "-i", min=0.1, max=3600, help="Seconds between looks.")
    ] = 2.0,
    once: Annotated[
        bool, typer.Option("--once", help="Look twice, show the second look, end.")
    ] = False,
    sort: Annotated[str, typer.Option(help=f"{', '.join(SORTS)}; key: its first letter.")] = "lag",
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Watch a node: health, rates, lag, errors by listener. Goes on when the node restarts."""
    if sort not in SORTS:
        raise typer.BadParameter(f"one of {', '.join(SORTS)}", param_hint="--sort")
    clock = SystemClock()
    looks = Looks(Connection(url, key), clock)
    try:
        looks.take()
        if once or (not as_json and not console().is_terminal):
            _once(looks, interval, sort, as_json)
        elif as_json:
            _lines(looks, interval, sort)
        else:
            _live(looks, interval, sort, clock)
    except KeyboardInterrupt:
        return
    finally:
        looks.close()


def _once(looks: Looks, interval: float, sort: str, as_json: bool) -> None:
    """Show one look; a node that is down ends it with exit code 1."""
    with Keyboard() as keys:
        keys.wait(interval)
    looks.take()
    figures = looks.figures(sort)
    if as_json:
        print_json(figures)
    else:
        out = console()
        out.print(picture(figures, out.width))
    if figures["error"]:
        raise typer.Exit(1)


def _lines(looks: Looks, interval: float, sort: str) -> None:
    """One line of JSON a look."""
    with Keyboard() as keys:
        while keys.wait(interval) != "q":
            looks.take()
            print_json(looks.figures(sort), indent=None)


def _live(looks: Looks, interval: float, sort: str, clock: Clock) -> None:
    out = console()
    with Keyboard() as keys, Live(console=out, screen=True, auto_refresh=False) as live:
        while True:
            until = clock.monotonic() + interval
            while (left := until - clock.monotonic()) > 0:
                live.update(_screen(looks.figures(sort), out, sort), refresh=True)
                pressed = keys.wait(left)
                if pressed == "q":
                    return
                sort = _SORT_KEYS.get(pressed or "", sort)
            looks.take()


def _screen(figures: dict[str, Any], out: Console, sort: str) -> RenderableType:
    """As much as the terminal has lines for."""
    shown = max(1, out.height - _OTHER_LINES - len(_sums(figures)) // out.width)
    more = len(figures["listeners"]) - shown
    cut = {**figures, "listeners": figures["listeners"][:shown]}
    rest = f"… and {more} more; " if more > 0 else ""
    return Group(picture(cut, out.width), Text(f"\n{rest}by {sort}; {_HELP}", style="dim"))


def picture(figures: dict[str, Any], width: int) -> RenderableType:
    """The node's line and its listeners, one line each, in so many characters."""
    lines: list[RenderableType] = [_head(figures), _sums(figures)]
    if figures["error"]:
        lines.append(
            Text("the node does not answer; trying again: ").append(plain(figures["error"]))
        )
    return Group(*lines, Text(), _listeners(figures["listeners"], width))


def _listeners(listeners: list[dict[str, Any]], width: int) -> Table:
    rows = [dict(zip(_COLUMNS, _row(listener), strict=True)) for listener in listeners]
    shown = fitting(rows, width)
    made = table(shown, ([row[name] for name in shown] for row in rows))
    for column in made.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    return made


def fitting(rows: list[dict[str, Any]], width: int) -> list[str]:
    """The columns for which there is room; those that tell least are left out first."""

    def wanted(name: str) -> int:
        widest = max(cell_len(name), *(cell_len(str(row[name] or "")) for row in rows), 0)
        return min(widest, max(_WIDEST.get(name, widest), cell_len(name)))

    shown = list(_COLUMNS)
    for name in _LEFT_OUT:
        if sum(wanted(each) + _GAP for each in shown) <= width + _GAP:
            break
        shown.remove(name)
    return shown


def _head(figures: dict[str, Any]) -> Text:
    health = figures["health"]
    head = Text.assemble((figures["url"], "bold"), "  ", (health, _COLOURS.get(health, "red")))
    for name, state in figures["components"].items():
        if state != "ok":
            head.append(f"  {name}: ").append(plain(state))
    return head


def _sums(figures: dict[str, Any]) -> Text:
    return Text(
        f"events {figures['events']:,}  accepted {figures['accepted_per_second']:,.1f}/s  "
        f"handled {figures['per_second']:,.1f}/s  errors {figures['errors_per_second']:,.1f}/s  "
        f"lag {figures['lag']:,} ({figures['lag_trend']:+,.1f}/s)  "
        f"retrying {figures['retrying']:,}  dead {figures['dead']:,}"
    )


def _row(listener: dict[str, Any]) -> tuple[Any, ...]:
    return (
        *(listener["name"], listener["mode"], listener["state"], f"{listener['lag']:,}"),
        f"{listener['lag_trend']:+,.1f}/s" if listener["lag_trend"] else "",
        *(f"{listener['per_second']:,.1f}", f"{listener['errors_per_second']:,.1f}"),
        *(f"{listener['retrying']:,}", f"{listener['dead']:,}"),
        *(bars(listener["lags"][-_BARS_SHOWN:]), listener["last_error"]),
    )


def bars(values: list[int]) -> str:
    """Numbers as a row of bars, the largest as high as can be; nothing where all are 0."""
    most = max(values, default=0)
    if most == 0:
        return ""
    return "".join(_BARS[round(value / most * (len(_BARS) - 1))] for value in values)
