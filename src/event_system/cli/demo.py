"""`event-system demo`: a small game server plays against a running node."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import httpx
import msgspec
import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from event_system.cli.client import (
    DEFAULT_URL,
    AsJson,
    Connection,
    KeyOption,
    UrlOption,
    decoded,
    reaching,
)
from event_system.cli.game import SOURCE, Move, plan
from event_system.cli.output import console, facts, plain, print_json, table
from event_system.kernel.clock import Clock, SystemClock

AT_ONCE: Final = 32
REFRESH_SECONDS: Final = 0.25
app = typer.Typer(add_completion=False)


@app.command()
def demo(
    players: Annotated[int, typer.Option(min=1, max=10_000, help="Players in the game.")] = 20,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long it lasts.")] = 20.0,
    rate: Annotated[float, typer.Option(min=0.1, help="Events a second.")] = 50.0,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Play a small game against a node: logins, moves, level-ups, an activity, logouts."""
    connection = Connection(url, key)
    connection.get("/api/listeners")  # tells at once where there is no node, or no entry
    game = Game(connection, SystemClock())
    moves = plan(players, seconds, rate)
    with suppress(KeyboardInterrupt), reaching(url):
        asyncio.run(_quietly(game, moves) if as_json else _shown(game, moves))
    listeners = connection.get("/api/listeners")["listeners"]
    if as_json:
        print_json(game.summary())
    else:
        _conclude(listeners)


@dataclass(slots=True)
class Game:
    """Sends moves when they are due; counts what comes back."""

    connection: Connection
    clock: Clock
    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    waits_ms: list[float] = field(default_factory=list)
    greeting: str = ""
    offset: int = 0
    seconds: float = 0.0
    lost: httpx.TransportError | None = None

    async def play(self, moves: Iterable[Move]) -> None:
        """Send every move; at most 32 wait for their answers, so a slow node slows the game.

        Raises `httpx.TransportError` once the node is gone.
        """
        started = self.clock.monotonic()
        room = asyncio.Semaphore(AT_ONCE)
        async with (
            httpx.AsyncClient(**self.connection.options()) as client,
            asyncio.TaskGroup() as tasks,
        ):
            for move in moves:
                if self.lost:
                    break
                await asyncio.sleep(max(0.0, started + move.at - self.clock.monotonic()))
                await room.acquire()
                task = tasks.create_task(self._send(client, move))
                task.add_done_callback(lambda _: room.release())
                self.seconds = self.clock.monotonic() - started
        if self.lost:
            raise self.lost

    async def _send(self, client: httpx.AsyncClient, move: Move) -> None:
        body = {"type": move.type, "source": SOURCE, "subject": move.subject, "data": move.data}
        began = self.clock.monotonic()
        try:
            answer = await client.post(
                "/api/events/trigger",
                content=msgspec.json.encode(body),
                headers={"content-type": "application/json"},
            )
        except httpx.TransportError as error:
            self.lost = error
            return
        self.waits_ms.append((self.clock.monotonic() - began) * 1000)
        self._count(move, answer)

    def _count(self, move: Move, answer: httpx.Response) -> None:
        if not answer.is_success:
            self.refused[f"{answer.status_code} {answer.json().get('code', '')}"] += 1
            return
        receipt = decoded(answer)
        self.sent[move.type] += 1
        self.offset = max(self.offset, receipt["offset"])
        for result in receipt.get("results", ()):
            if isinstance(result.get("result"), str):
                self.greeting = result["result"]

    def summary(self) -> dict[str, Any]:
        """What was sent and how long answers took, as a JSON object."""
        waits = sorted(self.waits_ms)
        return {
            "accepted": self.sent.total(),
            "refused": dict(self.refused),
            "by_type": dict(sorted(self.sent.items())),
            "seconds": round(self.seconds, 3),
            "newest_offset": self.offset,
            "answer_ms": {"p50": percentile(waits, 0.5), "p99": percentile(waits, 0.99)},
        }


def percentile(ordered: list[float], share: float) -> float | None:
    """The value below which this share of them lies; None of nothing."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3)


async def _quietly(game: Game, moves: Iterable[Move]) -> None:
    await game.play(moves)


async def _shown(game: Game, moves: Iterable[Move]) -> None:
    out = console()
    with Live(console=out, auto_refresh=False, get_renderable=lambda: _view(game)) as live:
        ticking = asyncio.create_task(_each(REFRESH_SECONDS, live.refresh, out.is_terminal))
        try:
            await game.play(moves)
        finally:
            ticking.cancel()


async def _each(seconds: float, work: Callable[[], None], wanted: bool) -> None:
    while wanted:
        work()
        await asyncio.sleep(seconds)


def _view(game: Game) -> Group:
    found = game.summary()
    waits = found["answer_ms"]
    head = [
        ("accepted", f"{found['accepted']} events in {found['seconds']:.1f} s"),
        ("newest offset", found["newest_offset"]),
        ("answers", f"p50 {waits['p50']} ms, p99 {waits['p99']} ms"),
        ("a greeting", game.greeting or "-"),
        *(("refused", f"{count} x {why}") for why, count in found["refused"].items()),
    ]
    return Group(facts(head), Text(), table(("EVENT", "COUNT"), found["by_type"].items()))


def _conclude(listeners: list[dict[str, Any]]) -> None:
    out = console()
    rows = ((each["name"], each["handled"], each["lag"], each["errors"]) for each in listeners)
    out.print()
    out.print(table(("LISTENER", "HANDLED", "LAG", "ERRORS"), rows))
    out.print()
    out.print(plain("Look at it:  event-system events list --type 'player.*'"))
