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


CREATE = """
CREATE TABLE IF NOT EXISTS leaderboard (player VARCHAR(255) PRIMARY KEY, level INTEGER NOT NULL)
"""


@listener("player.level_up", name="leaderboard", batch=500, filter="has(event.data.level)")
def leaderboard(events: list[Event], transaction: Transaction) -> None:
    """Writes a table. It and the listener's cursor are committed together: exactly once.

    These statements are SQL that SQLite, PostgreSQL and MySQL all read alike.
    """
    transaction.execute(CREATE)
    best: dict[str, int] = {}
    for event in events:
        if event.subject:
            best[event.subject] = max(event.data["level"], best.get(event.subject, 0))
    for player, level in best.items():
        _climb(transaction, player, level)


def _climb(transaction: Transaction, player: str, level: int) -> None:
    held = transaction.execute("SELECT level FROM leaderboard WHERE player = ?", (player,))
    if not held:
        transaction.execute("INSERT INTO leaderboard VALUES (?, ?)", (player, level))
    elif held[0][0] < level:
        transaction.execute("UPDATE leaderboard SET level = ? WHERE player = ?", (level, player))
