"""How commands show events and tables: for people on a terminal, or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH: Final = 200
SHORT: Final = 100


def console() -> Console:
    """Standard output. Where it is no terminal, lines are long rather than broken."""
    made = Console(highlight=False, soft_wrap=False)
    return made if made.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """JSON on standard output; one line where `indent` is None. What is infinite is null."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=indent or 0)
    print(text.decode(), flush=True)


def plain(value: Any) -> Text:
    """A value as text that does nothing to the terminal: no markup, no control characters."""
    text = "" if value is None else str(value)
    return Text("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text))


def short_json(value: Any, limit: int = SHORT) -> str:
    """JSON on one line, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def data_of(event: Mapping[str, Any]) -> Any:
    """An event's data; binary data in base64 where it is binary."""
    return event.get("data", event.get("data_base64"))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A plain table; long cells are folded."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(plain(cell) for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, Any]]) -> Table:
    """Names and values, one pair a line."""
    made = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(plain(name), plain(value))
    return made


def event_line(event: Mapping[str, Any]) -> Text:
    """An event on one line: time, offset, type, subject, data."""
    line = Text.assemble(
        (str(plain(event["time"])), "dim"),
        "  ",
        (f"{event['offset']:>8}", "dim"),
        "  ",
        (str(plain(event["type"])), "bold"),
        "  ",
        plain(event.get("subject") or "-"),
    )
    data = data_of(event)
    if data is not None:
        line.append_text(Text("  ")).append_text(plain(short_json(data)))
    return line


def show_event(out: Console, event: Mapping[str, Any]) -> None:
    """An event's attributes, and its data as JSON below them."""
    hidden = {"specversion", "data", "data_base64"}
    out.print(facts((name, value) for name, value in event.items() if name not in hidden))
    if (data := data_of(event)) is not None:
        out.print()
        out.print(plain(json.dumps(data, indent=2, ensure_ascii=False)))
