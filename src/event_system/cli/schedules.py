"""`event-system schedules`: cron schedules of a node."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
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
from event_system.cli.output import console, facts, plain, print_json, short_json, table
from event_system.cli.trigger import read_data, show_receipt
from event_system.kernel.clock import SystemClock, to_datetime
from event_system.kernel.cron import check_cron, check_zone, next_firing
from event_system.node.quantities import parse_duration

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Cron schedules.")

_COLUMNS = ("NAME", "CRON", "ZONE", "TYPE", "NEXT", "LAST", "FIRED")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The schedule's name.")]
ZoneOption = Annotated[str, typer.Option("--zone", help="IANA time zone: Europe/Berlin.")]


def _path(name: str) -> str:
    return f"/api/schedules/{quote(name, safe='')}"


@app.command("list")
def list_schedules(
    url: UrlOption = DEFAULT_URL, key: KeyOption = None, as_json: AsJson = False
) -> None:
    """List all schedules with their next and last firing."""
    answer = Connection(url, key).get("/api/schedules")
    if as_json:
        print_json(answer)
        return
    console().print(table(_COLUMNS, map(_row, answer["schedules"])))


def _row(schedule: dict[str, Any]) -> tuple[Any, ...]:
    next_ = schedule["next"] or ("never" if schedule["enabled"] else "off")
    return (
        *(schedule["name"], schedule["cron"], schedule["time_zone"], schedule["event"]["type"]),
        *(next_, schedule["last"], schedule["fired"]),
    )


@app.command()
def show(
    name: NameArgument,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one schedule."""
    _show(Connection(url, key).get(_path(name)), as_json=as_json)


def _show(schedule: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(schedule)
        return
    told = {**schedule, "event": short_json(schedule["event"])}
    console().print(facts((name.replace("_", " "), value) for name, value in told.items()))


@app.command("set")
def set_schedule(
    name: NameArgument,
    cron: Annotated[str, typer.Argument(metavar="CRON", help='Such as "0 4 * * *".')],
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="The event's type.")],
    data: Annotated[
        str | None, typer.Option(help="JSON; `@FILE` reads a file, `-` standard input.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="What the event is about.")] = None,
    source: Annotated[str | None, typer.Option(help="Its source; `schedule` by default.")] = None,
    zone: ZoneOption = "UTC",
    jitter: Annotated[str, typer.Option(help="Spread firings by up to this: 30s, 1h.")] = "0s",
    catch_up: Annotated[
        str, typer.Option(help="Missed firings: `skip` them, fire `one`, or `all`.")
    ] = "one",
    start: Annotated[str | None, typer.Option(help="It fires from then on (RFC 3339).")] = None,
    end: Annotated[str | None, typer.Option(help="It fires until then (RFC 3339).")] = None,
    off: Annotated[bool, typer.Option("--off", help="Keep it, but do not fire.")] = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Make or change a schedule; it is durable when this returns."""
    event = without_none({"type": type_, "subject": subject, "source": source})
    if data is not None:
        event["data"] = read_data(data)
    definition = {
        "cron": cron,
        "time_zone": zone,
        "event": event,
        "catch_up": catch_up,
        "jitter_seconds": _seconds(jitter),
        "enabled": not off,
        **without_none({"start": start, "end": end}),
    }
    body = msgspec.json.encode(definition)
    _show(Connection(url, key).put(_path(name), body), as_json=as_json)


def _seconds(jitter: str) -> int:
    try:
        return int(parse_duration(jitter).total_seconds())
    except ValueError as error:
        raise typer.BadParameter(f"{error}", param_hint="--jitter") from error


@app.command()
def delete(
    name: NameArgument,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Delete a schedule."""
    deleted = Connection(url, key).delete(_path(name))
    if as_json:
        print_json(deleted)
        return
    console().print(plain(f"{name} is deleted; it had fired {deleted['fired']} times"))


@app.command()
def run(
    name: NameArgument,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Fire a schedule now, once; its times stay as they are."""
    receipt = Connection(url, key).post(f"{_path(name)}/run", b"")
    show_receipt(receipt, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Expression:
    """Implements `kernel.cron.Timetable`."""

    cron: str
    time_zone: str
    start: datetime | None = None
    end: datetime | None = None


@app.command("next")
def next_firings(
    cron: Annotated[str, typer.Argument(metavar="CRON", help='Such as "0 4 * * *".')],
    zone: ZoneOption = "UTC",
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="So many.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show when an expression fires next. Needs no node."""
    check_cron(cron)
    check_zone(zone)
    moments = _next(_Expression(cron, zone), count)
    if as_json:
        print_json([_utc(moment) for moment in moments])
        return
    rows = ((moment.strftime("%a %Y-%m-%d %H:%M:%S %Z"), _utc(moment)) for moment in moments)
    console().print(table(("IN ITS ZONE", "UTC"), rows))


def _next(expression: _Expression, count: int) -> list[datetime]:
    moments: list[datetime] = []
    moment: datetime | None = to_datetime(SystemClock().now_us())
    while len(moments) < count and moment is not None:
        if (moment := next_firing(expression, moment)) is not None:
            moments.append(moment)
    return moments


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
