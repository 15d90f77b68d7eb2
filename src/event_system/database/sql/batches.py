"""A batch listener on a server: its cursor, and transactions that move it with the effect.

Every listener has a connection of its own, and threads of its own to wait for it, so however long
one keeps its transaction open, no other waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from event_system.database.retry_rows import Known, RetryRows, look
from event_system.database.sql.access import Access
from event_system.database.sql.many import Upsert
from event_system.database.sql.retries import ServerFailures
from event_system.database.sql.transactions import ServerTransaction, Session
from event_system.delivery.ports import Failure
from event_system.events.ports import Transaction
from event_system.kernel.errors import DatabaseBusyError, LeaseLostError, StorageError
from event_system.kernel.threads import in_own_thread
from event_system.sql.failures import translated
from event_system.sql.tables.state import BATCH_CURSORS

T = TypeVar("T")
B = BATCH_CURSORS.c

IDLE_SECONDS: Final = 30.0
"""A connection that was not used for so long is looked at before it is used again."""
ASK_AGAIN_SECONDS: Final = 0.5
REST_SECONDS: Final = 2.0
_BEGIN: Final = Upsert(
    BATCH_CURSORS, ("listener", "mark", "offset", "commits"), ("listener", "mark")
)
_log = logging.getLogger(__name__)


class ServerBatches:
    """What a listener's live delivery and its replay share: the connection and the failures.

    Whoever begins a transaction has `lock` until its end.
    """

    def __init__(self, listener: str, access: Access) -> None:
        self.listener = listener
        self.access = access
        self.lock = asyncio.Lock()
        self.failures = ServerFailures(listener)
        self.retries: RetryRows[sa.Connection]
        self._session: Session | None = None
        self._used = 0.0
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=f"batches of {listener}")
        self._endings: set[asyncio.Future[Any]] = set()

    async def open(self, start: int) -> ServerBatchStore:
        """The store of live delivery; a new listener begins after offset `start`."""
        known = await self.access.read(lambda c: look(self.failures, c))
        self.retries = RetryRows(self.failures, self.access.read, self.write, known)
        return await self.store("", start)

    async def store(self, mark: str, start: int) -> ServerBatchStore:
        """The store of this mark, a new one after offset `start`; other replays' cursors go."""
        row = {"listener": self.listener, "mark": mark, "offset": start, "commits": 0}
        mine = B.listener == self.listener, B.mark == mark

        def begin(connection: sa.Connection) -> Any:
            if mark:
                others = B.listener == self.listener, B.mark != mark, B.mark != ""
                connection.execute(BATCH_CURSORS.delete().where(*others))
            _BEGIN.run(connection, [row])
            return connection.execute(sa.select(B.offset, B.commits).where(*mine)).one()

        found = await self.write(begin)
        return ServerBatchStore(self, mark, found.offset, found.commits)

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        async with self.lock:
            return await self.access.write(work)

    @asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """No transaction is under way. Raises `DatabaseBusyError` where one does not end."""
        try:
            async with asyncio.timeout(REST_SECONDS):
                await self.lock.acquire()
        except TimeoutError:
            raise DatabaseBusyError(f"a batch of {self.listener} has not ended yet") from None
        try:
            yield
        finally:
            self.lock.release()

    # The connection

    async def take(self) -> Session:
        """The connection, found alive; `lock` is held."""
        now = asyncio.get_running_loop().time()
        if self._session is not None and now - self._used > IDLE_SECONDS:
            await self.in_thread(self._session.close)
            self._session = None
        if self._session is None:
            self._session = await self._connected()
        self._used = now
        return self._session

    async def _connected(self) -> Session:
        made = self._threads.submit(Session, self.access.database)
        try:
            return await asyncio.wrap_future(made)
        except asyncio.CancelledError:
            self.end(lambda: _give_back(made), done=lambda: None)
            raise

    def drop(self) -> None:
        """Use the connection no more: it is lost."""
        self._session = None

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Call it where it may block; to its end, even where the caller is cancelled."""
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._threads, work, *arguments))

    def end(self, work: Callable[[], None], *, done: Callable[[], None]) -> None:
        """Call it in a thread of its own, then `done` on the event loop."""
        ending = in_own_thread(work, f"end of a batch of {self.listener}")
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        ending.add_done_callback(lambda _: done())

    def close(self) -> None:
        """Give the connection back, once what it does has ended. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            self.end(lambda: _close(session), done=lambda: None)
        self._threads.shutdown(wait=False)

    async def closed(self) -> None:
        """Wait until all is given back."""
        if self._endings:
            await asyncio.wait(self._endings)


def _give_back(made: Future[Session]) -> None:
    """Close a connection that came too late."""
    if not made.cancelled() and made.exception() is None:
        made.result().close()


def _close(session: Session) -> None:
    session.silence()
    session.close()


class ServerBatchStore:
    """Implements `delivery.ports.BatchStore` for live delivery, or for the replay of a mark.

    Every commit counts up `commits` in its own transaction: where the connection is lost in a
    COMMIT, that says afterwards whether it took place.
    """

    def __init__(self, batches: ServerBatches, mark: str, cursor: int, commits: int) -> None:
        self.cursor = cursor
        self._batches = batches
        self._mark = mark
        self._mine = B.listener == batches.listener, B.mark == mark
        self._commits = commits

    @property
    def retries(self) -> RetryRows[sa.Connection]:
        return self._batches.retries

    async def replaying(self, mark: str, start: int) -> ServerBatchStore:
        return await self._batches.store(mark, start)

    async def refresh(self) -> int:
        asked = sa.select(B.offset, B.commits).where(*self._mine)
        async with self._batches.at_rest():  # or a commit might come between the asking and here
            found = await self._batches.access.read(lambda c: c.execute(asked).one())
            self.cursor, self._commits = found.offset, found.commits
        return self.cursor

    async def begin(self) -> ServerTransaction:
        await self._batches.lock.acquire()
        try:
            return ServerTransaction(await self._batches.take())
        except BaseException:
            self._batches.lock.release()
            raise

    async def commit(self, transaction: Transaction, cursor: int, done: int | None = None) -> None:
        assert isinstance(transaction, ServerTransaction)
        expected = self._commits + 1
        try:
            known = await self._batches.in_thread(self._finish, transaction, cursor, done)
        except StorageError:
            if not transaction.session.committing or not await self._took_place(expected):
                raise
            known = await self._batches.access.read(lambda c: look(self._batches.failures, c))
            self._count(cursor)
            self._batches.drop()
            transaction.open = False
        if known is not None:
            self.retries.note(known)
        self._batches.lock.release()

    def _finish(
        self, transaction: ServerTransaction, cursor: int, done: int | None
    ) -> Known | None:
        batches, session, known = self._batches, transaction.session, None
        with session.using, session.watched():
            transaction.check_open()
            connection = session.connection
            session.limit_idling()
            moved = connection.execute(
                BATCH_CURSORS.update()
                .where(*self._mine, B.commits == self._commits)
                .values(offset=sa.func.greatest(B.offset, cursor), commits=self._commits + 1)
            )
            if moved.rowcount != 1:
                raise LeaseLostError(f"another process has moved the cursor of {batches.listener}")
            if done is not None:
                batches.failures.settle(connection, (), [(batches.listener, done)])
                known = look(batches.failures, connection)
            batches.access.fence(connection)
            session.committing = True
            connection.commit()
            session.committing = False
            transaction.open = False
            self._count(cursor)
        return known

    def _count(self, cursor: int) -> None:
        self._commits += 1
        self.cursor = max(self.cursor, cursor)

    async def _took_place(self, expected: int) -> bool:
        """Whether a commit did whose answer was lost; asks until the server says so."""
        _log.warning("a batch of %s: was it committed?", self._batches.listener)
        while True:
            try:
                return await self._batches.access.read(self._read_commits) >= expected
            except StorageError:
                await asyncio.sleep(ASK_AGAIN_SECONDS)

    def _read_commits(self, connection: sa.Connection) -> int:
        """Waits for a commit that is still under way: it has the row."""
        asked = sa.select(B.commits).where(*self._mine).with_for_update()
        return int(connection.scalar(asked) or 0)

    def roll_back(self, transaction: Transaction) -> bool:
        assert isinstance(transaction, ServerTransaction)
        transaction.open = False
        session = transaction.session
        if session.lost:
            self._batches.drop()
        self._batches.end(lambda: _undo(session), done=lambda: self._ended(session))
        return session.lost

    def _ended(self, session: Session) -> None:
        if session.lost:
            self._batches.drop()
        self._batches.lock.release()

    async def advance(self, cursor: int, failure: Failure | None = None) -> None:
        def move(connection: sa.Connection) -> Known | None:
            furthest = sa.func.greatest(B.offset, cursor)
            connection.execute(BATCH_CURSORS.update().where(*self._mine).values(offset=furthest))
            if failure is None:
                return None
            self._batches.failures.record(connection, [failure])
            return look(self._batches.failures, connection)

        if (known := await self._batches.write(move)) is not None:
            self.retries.note(known)
        self.cursor = max(cursor, self.cursor)

    async def failures_of(self, offset: int) -> list[Failure]:
        return await self._batches.access.read(lambda c: self._batches.failures.of(c, offset))

    async def failures_after(self, offset: int) -> list[Failure]:
        return await self._batches.access.read(lambda c: self._batches.failures.after(c, offset))

    async def failed_offsets(self, first: int, last: int) -> list[int]:
        failures = self._batches.failures
        return await self._batches.access.read(lambda c: failures.offsets(c, first, last))

    def close(self) -> None:
        if not self._mark:  # a replay leaves the connection to live delivery
            self._batches.close()


def _undo(session: Session) -> None:
    session.silence()
    try:
        if session.lost:
            session.close()
        else:
            with translated():
                session.connection.rollback()
    except Exception:  # noqa: BLE001 - the server rolls back what has no connection any more
        session.lost = True
        session.close()
    finally:
        session.using.release()
