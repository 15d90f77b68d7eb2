"""Pages on their way: what is owed to one person by one method goes in one message."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec

from event_system.incidents.book import Book, Case
from event_system.incidents.calls import Calls
from event_system.incidents.incident import SYSTEM, Entry
from event_system.incidents.links import Links
from event_system.incidents.pages import PageRow, failed, sent
from event_system.incidents.ports import Page, Pager
from event_system.incidents.response import Response
from event_system.incidents.states import TRANSITIONS
from event_system.incidents.telling import told
from event_system.incidents.trouble import Failing, trouble_of, unheard
from event_system.kernel.clock import first_of
from event_system.kernel.errors import ChannelError

MOST_TOLD: Final = 20
"""Incidents that one message tells; it says how many more there are."""
MOST_AT_ONCE: Final = 16

Way: TypeAlias = tuple[str, str]
"""A target and a method."""
_log = logging.getLogger(__name__)


class Delivery:
    """Brings owed pages to people by a pager."""

    def __init__(
        self,
        book: Book,
        response: Response,
        calls: Calls,
        pager: Pager,
        links: Links,
        numbers: Counter[tuple[str, str]],
    ) -> None:
        self._book = book
        self._response = response
        self._calls = calls
        self._pager = pager
        self._links = links
        self._numbers = numbers
        self._busy: set[Way] = set()
        self._last_us: dict[Way, int] = {}
        self._gap_us = 0
        self._failing = Failing()

    def use(self, response: Response, calls: Calls) -> None:
        """Go on by other rules."""
        self._response, self._calls = response, calls

    def trouble(self, now_us: int) -> str:
        """What keeps people from hearing of incidents now; "" where nothing does."""
        return trouble_of(self._failing.ways(now_us, self._owed()), unheard(self._book))

    def _owed(self) -> dict[Way, list[PageRow]]:
        """What is owed, by way, the oldest first."""
        ways: dict[Way, list[PageRow]] = {}
        for case in self._book:
            for row in case.pages.values():
                if row.is_owed:
                    ways.setdefault((row.target, row.method), []).append(row)
        return ways

    def _due_us(self, way: Way, rows: list[PageRow]) -> int:
        last_us = self._last_us.get(way)
        due_us = min(row.next_us for row in rows)
        return due_us if last_us is None else max(due_us, last_us + self._gap_us)

    def next_due_us(self) -> int | None:
        """When the next message may go out; the end of one that is on its way is told otherwise."""
        ways = self._owed()
        return first_of(
            self._due_us(way, rows) for way, rows in ways.items() if way not in self._busy
        )

    def due(self, now_us: int, gap_us: int) -> list[Way]:
        """The ways that a message is to go out by now; they count as busy from here on."""
        self._gap_us = gap_us
        self._last_us = {way: us for way, us in self._last_us.items() if us + gap_us > now_us}
        ways = [
            way
            for way, rows in self._owed().items()
            if way not in self._busy and self._due_us(way, rows) <= now_us
        ]
        found = ways[: MOST_AT_ONCE - len(self._busy)]
        self._busy.update(found)
        return found

    async def bring(
        self, way: Way, now_us: Callable[[], int], store: Callable[[], Awaitable[None]]
    ) -> None:
        """Send all that is owed by a way as one message, and write down what became of it."""
        try:
            rows = self._owed().get(way, [])
            if rows:
                await self._send(way, rows, now_us)
                await store()
        except Exception as error:  # noqa: BLE001 - what was not stored waits for the next time
            _log.error("what became of a page was not stored: %s", error, exc_info=error)
        finally:
            self._busy.discard(way)

    async def _send(self, way: Way, rows: list[PageRow], now_us: Callable[[], int]) -> None:
        facts = [told(self._book.cases[row.incident], row, self._links) for row in rows]
        page = Page(
            id=rows[0].id, target=way[0], method=way[1], told=facts[:MOST_TOLD], number=len(facts)
        )
        try:
            await self._pager.page(page)
        except ChannelError as error:
            self._failed(rows, now_us(), error.detail, may_pass=error.may_pass)
            return
        except Exception as error:  # noqa: BLE001 - another attempt may help
            _log.error("a page failed: %s", error, exc_info=error)
            self._failed(rows, now_us(), type(error).__name__, may_pass=True)
            return
        self._last_us[way] = now_us()
        self._numbers[way[1], "sent"] += 1
        self._failing.reached(way)
        for row in rows:
            self._sent(row, now_us())

    def _sent(self, row: PageRow, now_us: int) -> None:
        case = self._case_of(row)
        if case is None:
            return
        self._book.page(case, sent(row, now_us))
        self._note(case, now_us, "sent", row, {"purpose": row.purpose})
        incident = case.incident
        if row.purpose == "recovery":
            self._response.settle(case, now_us)
        elif not incident.is_open:
            self._calls.tell_end_to(case, row, now_us)
        else:
            state = TRANSITIONS.get((incident.state, "notify"), incident.state)
            paged_us = incident.paged_us or now_us
            changed = msgspec.structs.replace(incident, state=state, paged_us=paged_us)
            self._book.put(case, changed, now_us)
            self._book.announce(
                "incident.notified", case, now_us, target=row.target, method=row.method
            )

    def _failed(self, rows: list[PageRow], now_us: int, error: str, *, may_pass: bool) -> None:
        outcome = "retried" if may_pass else "failed"
        self._numbers[rows[0].method, outcome] += 1
        for row in rows:
            case = self._case_of(row)
            if case is None:
                continue
            after = failed(row, now_us, error, may_pass=may_pass)
            self._book.page(case, after)
            way = (row.target, row.method)
            self._failing.failed(way, now_us, is_given_up=not after.is_owed)
            if row.attempts == 0 or not after.is_owed:
                self._note(case, now_us, "not_sent", row, {"error": error[:300]})
            if not after.is_owed:
                self._given_up(case, now_us)

    def _given_up(self, case: Case, now_us: int) -> None:
        """Where nobody is left to hear of it, the next step is due now."""
        self._response.settle(case, now_us)
        incident = case.incident
        escalation = incident.escalation
        if escalation is None or not incident.is_unanswered or escalation.round:
            return
        reaches = any(row.state in {"owed", "sent"} for row in case.pages.values())
        if not reaches and escalation.due_us > now_us:
            sooner = msgspec.structs.replace(escalation, due_us=now_us)
            self._book.put(case, msgspec.structs.replace(incident, escalation=sooner), now_us)

    def _case_of(self, row: PageRow) -> Case | None:
        """Where the page is now: its incident may have been merged meanwhile."""
        case = self._book.cases.get(row.incident)
        if case is not None and row.id in case.pages:
            return case
        return next((each for each in self._book if row.id in each.pages), None)

    def _note(
        self, case: Case, now_us: int, what: str, row: PageRow, facts: dict[str, str]
    ) -> None:
        told_facts = {"target": row.target, "method": row.method, **facts}
        self._book.note(case, Entry(at_us=now_us, who=SYSTEM, what=what, facts=told_facts))
