"""Three listeners, one of each kind, loaded by `make serve`.

Try them:  event-system trigger player.level_up --subject Mo --data '{"level": 10}'
"""

from __future__ import annotations

from collections import Counter

from event_system import Event, Transaction, listener

seen: Counter[str] = Counter()


@listener("player.level_up", name="greet", mode="sync", priority=10)
async def greet(event: Event) -> str:
    """Runs before the sender's answer, which carries what is returned here."""
    return f"Level {event.data['level']}: well done, {event.subject}!"


@listener("player.*", "activity.*", name="count")
async def count(event: Event) -> None:
    """Follows the log at its own pace, in order for each player."""
    seen[event.type] += 1


CREATE = "CREATE TABLE IF NOT EXISTS leaderboard (player TEXT PRIMARY KEY, level INTEGER NOT NULL)"
CLIMB = """
INSERT INTO leaderboard (player, level) VALUES (?, ?)
ON CONFLICT (player) DO UPDATE SET level = max(level, excluded.level)
"""


@listener("player.level_up", name="leaderboard", batch=500, filter="has(event.data.level)")
def leaderboard(events: list[Event], transaction: Transaction) -> None:
    """Writes a table. It and the listener's cursor are committed together: exactly once."""
    transaction.execute(CREATE)
    levels = [(event.subject, event.data["level"]) for event in events if event.subject]
    transaction.executemany(CLIMB, levels)
