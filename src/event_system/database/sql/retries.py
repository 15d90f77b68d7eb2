"""The table of failed deliveries on a server.

`ServerFailures` is its SQL, on a connection that the caller owns; `RetryRows` (retry_rows.py)
calls it from the event loop. Every walk is over ranges of one index, each with a limit, so nothing
is ever scanned that is not asked for. Numbers by state are kept beside, in the same transactions.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa

from event_system.database.failures import LOOKS, Entry, at_offsets, counted, page, walked
from event_system.database.sql.failure_rows import (
    MEMBERS,
    distinct,
    failure_of,
    plain,
    values,
    whole,
)
from event_system.database.sql.many import (
    Upsert,
    added,
    furthest,
    one_of,
    parts,
    replaced,
)
from event_system.delivery.ports import (
    BLOCKING,
    DEAD,
    RETRYING,
    Counts,
    Due,
    Failed,
    FailedFilter,
    Failure,
    FailurePage,
    Parked,
    Place,
    Selection,
    Step,
)
from event_system.delivery.verdicts import ENDED
from event_system.sql.tables.state import FAILURE_CLOCKS, FAILURE_COUNTS, FAILURES

F = FAILURES.c
_ENTRY: Final[sa.Select[Any]] = sa.select(F.at_us, F.offset, F.listener, F.id, F.type)
_FAILED: Final[sa.Select[Any]] = sa.select(F.offset, F.listener, F.state)
_PARKED_AT: Final = sa.case((F.attempts == 0, F.at_us), else_=F.last_us)
_RECORD: Final = Upsert(
    FAILURES,
    ("batched", *MEMBERS),
    ("offset", "listener", "batched"),
    **dict.fromkeys(("state", "attempts", "at_us", "error", "traceback", "last_us"), replaced),
)
_COUNT: Final = Upsert(
    FAILURE_COUNTS,
    ("batched", "listener", "state", "number"),
    ("batched", "listener", "state"),
    number=added,
)
_TICK: Final = Upsert(
    FAILURE_CLOCKS, ("batched", "listener", "us"), ("batched", "listener"), us=furthest
)


class ServerFailures:
    """The failures of one batch listener, or, without a name, of all that are no batch ones.

    Callers hold the transactions, of which one at a time writes.
    """

    def __init__(self, batch_listener: str | None = None) -> None:
        self._only = batch_listener
        self._batched = batch_listener is not None
        self._clock = {"batched": self._batched, "listener": batch_listener or ""}

    def _of(self, listener: str | None) -> list[sa.ColumnElement[bool]]:
        """The conditions of a listener's failures, or of those of all; the columns come first."""
        name = self._only if listener is None else listener
        mine = [F.batched == sa.literal(self._batched)]
        if name is not None:
            mine.append(F.listener == name)
        if self._only not in (None, name):
            mine.append(sa.false())
        return mine

    def _along(self, asked: sa.Select[Any], order: str, listener: str | None) -> sa.Select[Any]:
        """Go along the index of this order; MySQL takes others, and sorts, where it guesses."""
        named = listener is not None or self._only is not None
        index = f"ix_failures_listener_{order}" if named else f"ix_failures_{order}"
        return asked.with_hint(FAILURES, f"FORCE INDEX ({index})", "mysql")

    def counts(self, connection: sa.Connection) -> dict[str, Counts]:
        c = FAILURE_COUNTS.c
        oldest = (
            sa.select(F.first_us)
            .where(c.state != DEAD)
            .where(F.batched == c.batched, F.listener == c.listener, F.state == c.state)
            .order_by(F.offset)
            .limit(1)
            .scalar_subquery()
        )
        asked = sa.select(c.listener, c.state, c.number, oldest)
        asked = asked.where(c.batched == sa.literal(self._batched), c.number > 0)
        if self._only is not None:
            asked = asked.where(c.listener == self._only)
        return counted(tuple(row) for row in connection.execute(asked))

    def latest_us(self, connection: sa.Connection) -> int:
        c = FAILURE_CLOCKS.c
        mine = c.batched == sa.literal(self._batched), c.listener == self._clock["listener"]
        return connection.scalar(sa.select(c.us).where(*mine)) or 0

    # One by one

    def record(self, connection: sa.Connection, failures: Sequence[Failure]) -> None:
        """Keep failures, new or known."""
        self._keep(connection, failures, known_only=False)

    def settle(
        self,
        connection: sa.Connection,
        failures: Sequence[Failure],
        done: Iterable[tuple[str, int]],
    ) -> None:
        """Keep what became of known failures."""
        self._keep(connection, failures, known_only=True)
        for part in parts(list(done)):
            known = self._known(connection, part)
            self._forget(connection, [(row.id, *key, row.state) for key, row in known.items()])

    def _keep(
        self, connection: sa.Connection, failures: Sequence[Failure], *, known_only: bool
    ) -> None:
        for part in distinct(failures):
            known = self._known(connection, list(part))
            kept = {key: f for key, f in part.items() if key in known or not known_only}
            _RECORD.run(connection, [values(f, batched=self._batched) for f in kept.values()])
            changes: Counter[tuple[str, str]] = Counter()
            for key, failure in kept.items():
                changes[failure.listener, failure.state] += 1
                if key in known:
                    changes[failure.listener, known[key].state] -= 1
            self._count(connection, changes)
        if failures:
            self._tick(connection, max(failure.last_us for failure in failures))

    def _known(
        self, connection: sa.Connection, keys: Sequence[tuple[str, int]]
    ) -> dict[tuple[str, int], Any]:
        """Number and state of those that are there, locked."""
        if not keys:
            return {}
        asked = sa.select(F.listener, F.offset, F.id, F.state).where(
            *self._of(None),
            one_of(connection, F.offset, sorted({offset for _, offset in keys})),
            one_of(connection, F.listener, sorted({listener for listener, _ in keys})),
        )
        rows = connection.execute(asked.with_for_update())
        wanted = set(keys)
        found = {(row.listener, row.offset): row for row in rows}
        return {key: row for key, row in found.items() if key in wanted}

    def _forget(self, connection: sa.Connection, rows: Sequence[tuple[int, str, int, str]]) -> None:
        """Delete rows, given as (number, listener, offset, state)."""
        for part in parts([row[0] for row in rows]):
            connection.execute(FAILURES.delete().where(one_of(connection, F.id, part)))
        self._count(connection, {k: -n for k, n in Counter((r[1], r[3]) for r in rows).items()})

    def _count(self, connection: sa.Connection, changes: Mapping[tuple[str, str], int]) -> None:
        rows = [
            {"batched": self._batched, "listener": listener, "state": state, "number": number}
            for (listener, state), number in sorted(changes.items())
            if number
        ]
        _COUNT.run(connection, rows)

    def _tick(self, connection: sa.Connection, us: int) -> None:
        _TICK.run(connection, [{**self._clock, "us": us}])

    def due(self, connection: sa.Connection, listener: str, now_us: int, limit: int) -> Due:
        mine = (*self._of(listener), F.state == RETRYING)
        rows = connection.execute(
            self._along(sa.select(F.offset, F.attempts, F.error == ENDED.encode()), "at", listener)
            .where(*mine, F.at_us <= now_us)
            .order_by(F.at_us, F.offset)
            .limit(limit)
        )
        parked = [Parked(at, attempts, bool(cut_off)) for at, attempts, cut_off in rows]
        later = self._along(sa.select(F.at_us), "at", listener).where(*mine, F.at_us > now_us)
        return Due(parked, connection.scalar(later.order_by(F.at_us).limit(1)))

    def of(self, connection: sa.Connection, offset: int) -> list[Failure]:
        asked = whole().where(*self._of(None), F.offset == offset).order_by(F.listener)
        return [failure_of(row) for row in connection.execute(asked)]

    def after(self, connection: sa.Connection, offset: int) -> list[Failure]:
        later = plain().where(*self._of(None), F.offset > offset)
        asked = later.order_by(F.offset, F.listener)
        return [failure_of(row) for row in connection.execute(asked)]

    def offsets(self, connection: sa.Connection, first: int, last: int) -> list[int]:
        asked = sa.select(F.offset).where(*self._of(None), F.offset.between(first, last)).distinct()
        return list(connection.scalars(asked))

    def between(
        self, connection: sa.Connection, listener: str, after: int, through: int, limit: int
    ) -> list[Failure]:
        found: list[Failure] = []
        for state in (BLOCKING, DEAD, RETRYING):
            asked = (
                self._along(plain(), "place", listener)
                .where(*self._of(listener), F.state == state)
                .where(F.offset > after, F.offset <= through)
                .order_by(F.offset)
                .limit(limit)
            )
            found += map(failure_of, connection.execute(asked))
        return sorted(found, key=lambda failure: failure.offset)[:limit]

    # By the place of their events

    def among(self, connection: sa.Connection, offsets: Sequence[int]) -> list[Failed]:
        found: list[Failed] = []
        for part in parts(sorted(set(offsets))):
            asked = _FAILED.where(*self._of(None), one_of(connection, F.offset, part))
            found += [Failed(*row) for row in connection.execute(asked)]
        return found

    def walk(
        self,
        connection: sa.Connection,
        wanted: FailedFilter,
        limit: int,
        *,
        newest_first: bool,
    ) -> list[Failed]:
        order = [c.desc() if newest_first else c.asc() for c in (F.offset, F.listener)]
        reached = F.offset <= wanted.start if newest_first else F.offset >= wanted.start
        asked = self._along(_FAILED, "place", wanted.listener).where(*self._of(wanted.listener))
        rows = [
            connection.execute(
                asked.where(F.state == state, reached).order_by(*order).limit(limit)
            ).all()
            for state in wanted.states
        ]
        merged = heapq.merge(*(map(tuple, each) for each in rows), reverse=newest_first)
        return [Failed(*row) for row in islice(merged, limit)]

    # Many, in bounded steps

    def find(
        self,
        connection: sa.Connection,
        wanted: Selection,
        limit: int,
        after: Place | None,
        *,
        newest_first: bool,
    ) -> FailurePage:
        end, entries = self._walk(connection, wanted, LOOKS, after, newest_first)
        chosen, following = page(end, entries, limit)
        found: dict[int, Failure] = {}
        for part in parts([entry[3] for entry in chosen]):
            asked = whole().add_columns(F.id).where(one_of(connection, F.id, part))
            found |= {row.id: failure_of(row) for row in connection.execute(asked)}
        return FailurePage([found[e[3]] for e in chosen if e[3] in found], following)

    def count(
        self, connection: sa.Connection, wanted: Selection, limit: int, after: Place | None
    ) -> Step:
        end, entries = self._walk(connection, wanted, limit, after)
        return Step(len(entries), end)

    def requeue(
        self,
        connection: sa.Connection,
        wanted: Selection,
        now_us: int,
        limit: int,
        after: Place | None,
    ) -> Step:
        end, entries = self._walk(connection, wanted, limit, after)
        again = {"state": RETRYING, "attempts": 0, "at_us": now_us}
        for part in parts([entry[3] for entry in entries]):
            connection.execute(FAILURES.update().where(one_of(connection, F.id, part)), again)
        changes = Counter((entry[2], RETRYING) for entry in entries)
        changes.subtract((entry[2], wanted.state) for entry in entries)
        self._count(connection, changes)
        self._tick(connection, now_us)
        return Step(len(entries), end)

    def discard(
        self, connection: sa.Connection, wanted: Selection, limit: int, after: Place | None
    ) -> Step:
        end, entries = self._walk(connection, wanted, limit, after)
        self._forget(connection, [(e[3], e[2], e[1], wanted.state) for e in entries])
        return Step(len(entries), end)

    def rewind(
        self, connection: sa.Connection, now_us: int, limit: int, after: Place | None
    ) -> Step:
        late = Selection(state=RETRYING, since_us=now_us)
        end, entries = self._walk(connection, late, limit, after)
        number = 0
        for part in parts([entry[3] for entry in entries]):
            changed = connection.execute(
                FAILURES.update()
                .where(one_of(connection, F.id, part), now_us < _PARKED_AT)
                .ordered_values(  # MySQL goes by what it has set already
                    (F.at_us, now_us + F.at_us - _PARKED_AT),
                    (F.last_us, sa.func.least(F.last_us, now_us)),
                )
            )
            number += changed.rowcount
        if end is None:
            c, mine = FAILURE_CLOCKS.c, self._clock
            mine_only = c.batched == mine["batched"], c.listener == mine["listener"]
            connection.execute(FAILURE_CLOCKS.update().where(*mine_only).values(us=now_us))
        return Step(number, end)

    def _walk(
        self,
        connection: sa.Connection,
        wanted: Selection,
        limit: int,
        after: Place | None,
        newest_first: bool = False,
    ) -> tuple[Place | None, list[Entry]]:
        """Where the walk over up to `limit` entries ended (None: all seen), and the chosen."""
        mine = (*self._of(wanted.listener), F.state == wanted.state)
        if wanted.offsets is not None:
            found: list[Entry] = []
            for part in parts(sorted(wanted.offsets)):
                asked = _ENTRY.where(*mine, one_of(connection, F.offset, part))
                found += map(_entry, connection.execute(asked))
            return None, at_offsets(found, wanted, newest_first=newest_first)
        asked = self._along(_ENTRY, "at", wanted.listener).where(
            *mine, F.at_us >= wanted.since_us, F.at_us < wanted.until_us
        )
        asked = asked.order_by(*_order(newest_first=newest_first))
        entries: list[Entry] = []
        for bounds in _beyond(after, newest_first=newest_first):
            if len(entries) < limit:
                part_of = asked.where(*bounds).limit(limit - len(entries))
                entries += map(_entry, connection.execute(part_of))
        return walked(entries, wanted, limit)


def _order(*, newest_first: bool) -> list[sa.ColumnElement[Any]]:
    columns = (F.at_us, F.offset, F.listener)
    return [column.desc() if newest_first else column.asc() for column in columns]


def _beyond(after: Place | None, *, newest_first: bool) -> Iterator[list[sa.ColumnElement[bool]]]:
    """All that is beyond a place: parts of the order, one after the other, each of them a range.

    No server makes one range of a comparison of rows on all sides of an index.
    """
    if after is None:
        yield []
        return
    at_us, offset, listener = after
    equal: list[sa.ColumnElement[bool]] = [F.at_us == at_us, F.offset == offset]
    for column, value in ((F.listener, listener), (F.offset, offset), (F.at_us, at_us)):
        beyond = column < value if newest_first else column > value
        yield [*equal, beyond]
        if equal:
            equal.pop()


def _entry(row: Any) -> Entry:
    return tuple(row)
