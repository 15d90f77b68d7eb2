"""`docs/cli.md`, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from event_system.cli.main import app

INTRODUCTION = """\
# Command line

Commands exit with 0 when all went well, 1 when something failed, 2 when they were used wrongly.
With `--json` a command's answer is JSON on standard output; what is meant for people goes to
standard error. Every command has `--help`. This page is generated (`make docs`).
"""


def commands_markdown() -> str:
    """Every command with its arguments and options."""
    command = get_command(app)
    context = typer.Context(command, info_name="event-system")
    return "\n".join([INTRODUCTION, *_entry(command, context, depth=2)])


def _entry(command: Any, context: Any, depth: int) -> Iterator[str]:
    """A command, then those below it. Typer's own click has no public types, hence `Any`."""
    yield f"{'#' * depth} {context.command_path}"
    yield f"\n{cleandoc(command.help or '')}"
    yield f"\n```console\n$ {' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n"
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    shown = [record for record in records if record and "--help" not in record[0]]
    if shown:
        yield "\n".join(f"- `{name}`: {meaning}" for name, meaning in shown) + "\n"
    if isinstance(command, TyperGroup):
        for name in command.list_commands(context):
            child: Any = command.get_command(context, name)
            below = typer.Context(child, parent=context, info_name=name)
            yield from _entry(child, below, depth + 1)
