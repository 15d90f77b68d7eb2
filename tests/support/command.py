"""Runs commands of the command line against a site."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from event_system.cli.main import app
from tests.support.site import Site


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str
    error: BaseException | None

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def command(site: Site, *arguments: str, typed: bytes | None = None) -> Done:
    """Run a command against the site, in a thread: the site needs this one."""
    given = [*arguments, "--url", site.url]
    result = await asyncio.to_thread(CliRunner().invoke, app, given, input=typed)
    return Done(result.exit_code, result.stdout, result.stderr, result.exception)
