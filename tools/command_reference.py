"""`docs/cli.md`, from the commands themselves."""

from __future__ import annotations

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from event_system.cli.main import app

NAME = "event-system"
TITLE = "Command line"
INTRODUCTION = """\
Commands exit with 0 when all went well, 1 when something failed, 2 when they were used wrongly.
With `--json` a command's answer is JSON on standard output, one document or one line an item;
what is meant for people goes to standard error. This page is generated (`make docs`).
"""


def commands_markdown() -> str:
    """Every command with its arguments and options."""
    command = get_command(app)
    context = typer.Context(command, info_name=NAME)
    pages = get_docs_for_click(obj=command, ctx=context, name=NAME, title=TITLE)
    return pages.replace(f"# {TITLE}\n", f"# {TITLE}\n\n{INTRODUCTION}", 1)
