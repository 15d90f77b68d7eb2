"""Alerts in, pages out: the shell around the decisions, with the clock, the store and the tasks."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from event_system.events.outbox import Outbox
from event_system.incidents.actions import Actions, Request, Verb
from event_system.incidents.around import around
from event_system.incidents.book import KINDS, Book, Case
from event_system.incidents.calls import Calls
from event_system.incidents.correlation import Rules
from event_system.incidents.delivery import Delivery
from event_system.incidents.escalation import Plan
from event_system.incidents.incident import SYSTEM, Incident, Link
from event_system.incidents.intake import Intake, Limits, Signal
from event_system.incidents.links import KEY_BYTES, LIFETIME_US, Grant, Links
from event_system.incidents.links import SNOOZE_SECONDS as LINK_SNOOZE
from event_system.incidents.ports import Pager, Roster
from event_system.incidents.postmortem import Change, Postmortem
from event_system.incidents.postmortems import Postmortems
from event_system.incidents.reports.objectives import Objective
from event_system.incidents.response import Response
from event_system.incidents.visits import Visits
from event_system.incidents.watchdog import Watchdog
from event_system.incidents.wording import Language
from event_system.kernel.clock import Clock, first_of
from event_system.kernel.errors import EventSystemError, InvalidLinkError, StorageError
from event_system.kernel.records import Records
from event_system.kernel.tasks import end

AT_ONCE: Final = 100
"""Alerts that are taken in before others have their turn: some milliseconds."""
LONGEST_SLEEP_SECONDS: Final = 30.0
"""The clock is looked at so often, as somebody may set it."""
SHORTEST_SLEEP_SECONDS: Final = 1.0
MAX_RECOVERED: Final = 500
"""Incidents that are over and wait for their postmortem; of more the oldest close."""
TIDY_US: Final = 60_000_000
KEYS: Final = "incident_keys"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """How incidents behave.

    `hold_us`: an incident whose alerts have all ended so long ago resolves by itself. `close_us`:
    one whose end was told so long ago closes by itself. `retention_us` and `max_closed` bound what
    is kept of the past. `gap_us` is the least time between two messages to one person by one
    method: what comes between goes into the next. `watchdog_us`: an incident begins where the
    watchdog was not heard for so long; None has no watchdog. `objectives` are what services are
    to reach.
    """

    plan: Plan
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    hold_us: int = 300_000_000
    close_us: int = 7 * 86_400_000_000
    retention_us: int = 400 * 86_400_000_000
    max_closed: int = 2_000
    gap_us: int = 15_000_000
    watchdog_us: int | None = None
    objectives: tuple[Objective, ...] = ()
    external_url: str = "http://127.0.0.1:8080"
    link_key: bytes | None = None
    link_lifetime_us: int = LIFETIME_US


class IncidentManager:
    """Incidents. `start` before use, `stop` at the end. Loop thread only.

    What has changed is stored before anybody is told of it, and before a call returns.
    """

    def __init__(
        self,
        options: Options,
        records: Records,
        outbox: Outbox,
        roster: Roster,
        pager: Pager,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.options = options
        self.pages: Counter[tuple[str, str]] = Counter()
        """Messages by their method and outcome: sent, retried, failed."""
        self._records = records
        self._outbox = outbox
        self._roster = roster
        self._pager = pager
        self._clock = clock
        self._random = random_bytes
        self._visits = Visits()
        self._saving = asyncio.Lock()
        self._wake = asyncio.Event()
        self._tidied_us = 0
        self._clockwork: asyncio.Task[None] | None = None
        self._messages: set[asyncio.Task[None]] = set()
        self.book = Book(options.rules, self._new_id)
        self.postmortems = Postmortems(self.book)
        self._make()

    def _new_id(self) -> str:
        return self._random(16).hex()

    def _make(self) -> None:
        """The parts that go by the options."""
        options = self.options
        self._calls = Calls(self.book, options.plan, self._roster, self._pager)
        self._response = Response(self.book, options.plan, self._calls)
        self._intake = Intake(self.book, self._response, options.rules, options.limits)
        self._actions = Actions(self.book, self._response)

    # -- life

    async def start(self) -> None:
        """Take up what was kept. Raises `StorageError`."""
        kept = {kind: await self._records.load(kind) for kind in KINDS}
        try:
            self.book.load(kept)
        except (msgspec.DecodeError, KeyError) as error:
            raise StorageError(f"incidents cannot be read: {error}") from error
        self.links = Links(
            await self._key(), self.options.external_url, self.options.link_lifetime_us
        )
        self.watchdog = Watchdog(self.options.watchdog_us, self._clock.now_us())
        self.delivery = Delivery(
            self.book, self._response, self._calls, self._pager, self.links, self.pages
        )
        self._clockwork = asyncio.get_running_loop().create_task(self._run(), name="incidents")

    async def _key(self) -> bytes:
        """The key of links: the given one, or one that is made once for all nodes."""
        if self.options.link_key is not None:
            return self.options.link_key
        kept = await self._records.load(KEYS)
        if "links" not in kept:
            kept["links"] = self._random(KEY_BYTES)
            await self._records.save({KEYS: {"links": kept["links"]}})
        return kept["links"]

    async def stop(self) -> None:
        """End what is under way. A page that is being sent then is sent again at the next start."""
        await self.halt()
        try:
            await self._store()
        except StorageError as error:
            _log.error("incidents were not stored: %s", error.detail)

    async def halt(self) -> None:
        """Do nothing more, and store nothing. First the clockwork, which sends anew what ends."""
        if self._clockwork is not None:
            await end(self._clockwork)
        for task in list(self._messages):
            await end(task)

    def configure(self, options: Options) -> None:
        """Go on by other options; what is open stays as it is, and goes on by them."""
        self.options = options
        self.book.use_rules(options.rules)
        self._make()
        self.delivery.use(self._response, self._calls)
        self._wake.set()

    # -- alerts

    async def receive(self, signals: Sequence[Signal]) -> None:
        """Take alerts in, in their order; stored once this returns. Raises `StorageError`."""
        for first in range(0, len(signals), AT_ONCE):
            self._intake.take(signals[first : first + AT_ONCE], self._clock.now_us())
            await asyncio.sleep(0)
        await self._store()

    async def beat(self) -> None:
        """The watchdog's alert has come through. Raises `StorageError`."""
        signal = self.watchdog.heard(self._clock.now_us())
        if signal is not None:
            await self.receive([signal])

    # -- operators

    async def act(self, incident: str, verb: Verb, who: str, asked: Request) -> Incident:
        """Do what an operator asks for; stored once this returns.

        Raises as `Actions.do`, and `StorageError`.
        """
        done = self._actions.do(incident, verb, who, self._clock.now_us(), asked)
        await self._store()
        return done

    def visit(self, address: str, by: str = "") -> None:
        """Somebody asks for a link, or the node at `by` for somebody. Raises `LinkLimitError`."""
        self._visits.count(address, self._clock.monotonic(), by)

    def look_at_link(self, token: str) -> tuple[Grant, Incident, bool]:
        """What a link would do, the incident, and whether it was used. Changes nothing.

        Raises `InvalidLinkError`, and `IncidentNotFoundError`.
        """
        grant = self.links.read(token, self._clock.now_us())
        incident = self.book.get(grant.incident).incident
        if incident.merged_into:
            incident = self.book.get(incident.merged_into).incident
        return grant, incident, grant.nonce in self.book.used_links

    async def act_by_link(self, token: str) -> Incident:
        """Do what a link allows, once. Raises as `look_at_link`, as `act`, and `StorageError`."""
        grant, incident, is_used = self.look_at_link(token)
        if is_used:
            raise InvalidLinkError("this link was used already")
        seconds = LINK_SNOOZE if grant.action == "snooze" else 0
        asked = Request(seconds=seconds)
        now_us = self._clock.now_us()
        done = self._actions.do(incident.id, grant.action, grant.who, now_us, asked)
        self.book.use_link(grant.nonce, grant.ends_us)
        await self._store()
        return done

    async def start_postmortem(self, incident: str, who: str, language: Language) -> Postmortem:
        """Begin one. Raises as `Postmortems.start`, and `StorageError`."""
        links = self.references(self.get(incident))
        made = self.postmortems.start(incident, who, language, links, self._clock.now_us())
        await self._store()
        return made

    async def change_postmortem(self, incident: str, who: str, change: Change) -> Postmortem:
        """Change one. Raises as `Postmortems.change`, and `StorageError`."""
        made = self.postmortems.change(incident, who, change, self._clock.now_us())
        await self._store()
        return made

    def get(self, incident: str) -> Case:
        """Closed ones too. Raises `IncidentNotFoundError`."""
        return self.book.get(incident)

    def references(self, case: Case) -> list[Link]:
        """What there is to look at: runbooks and dashboards, the metrics and events around it."""
        shown = around(case, self.options.external_url, self._clock.now_us())
        return [*case.incident.links, *shown]

    def cases(self) -> Iterator[Case]:
        """All that are kept by now, the newest first; closed ones are decoded one by one.

        What is forgotten while somebody walks over them is left out.
        """
        return (self.book.get(id_) for id_ in self.book.ids() if id_ in self.book)

    def trouble(self) -> str:
        """What keeps people from hearing of incidents now; "" where nothing does."""
        return self.delivery.trouble(self._clock.now_us())

    # -- the clockwork

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.tick()
            except EventSystemError as error:
                _log.error("incidents wait: %s", error.detail)
            except Exception as error:  # noqa: BLE001 - the next round tries again
                _log.error("incidents wait: %s", error, exc_info=error)
            try:
                async with asyncio.timeout(self._sleep_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _sleep_seconds(self) -> float:
        due_us = self.next_due_us()
        if due_us is None:
            return LONGEST_SLEEP_SECONDS
        left = (due_us - self._clock.now_us()) / 1_000_000
        return min(max(left, SHORTEST_SLEEP_SECONDS), LONGEST_SLEEP_SECONDS)

    async def tick(self) -> None:
        """Do all that is due now, and store it; pages go out after that. Raises `StorageError`."""
        now_us = self._clock.now_us()
        signal = self.watchdog.missed(now_us)
        if signal is not None:
            self._intake.take([signal], now_us)
        for case in list(self.book):
            self._look_after(case, now_us)
        self._forget(now_us)
        await self._store(wake=False)
        self._bring(now_us)
        await self.postmortems.remind(self._pager, now_us, self._store)

    def _look_after(self, case: Case, now_us: int) -> None:
        if case.incident.is_open:
            self._calls.advance(case, now_us)
            due_us = self._resolves_us(case)
            if due_us is not None and due_us <= now_us:
                self._response.resolve(case, now_us, SYSTEM)
        else:
            self._response.settle(case, now_us)
            incident = case.incident
            if incident.state == "recovered" and self._closes_us(incident) <= now_us:
                self._response.close(case, now_us, SYSTEM)

    def _resolves_us(self, case: Case) -> int | None:
        """When it resolves by itself."""
        incident = case.incident
        policy = self.options.plan.policies[incident.level]
        waits = policy.needs_answer and incident.is_unanswered
        if not incident.quiet_us or case.firing or waits:
            return None
        return incident.quiet_us + self.options.hold_us

    def _closes_us(self, incident: Incident) -> int:
        return incident.resolved_us + self.options.close_us

    def next_due_us(self) -> int | None:
        """The next moment at which something is to be done."""
        moments: list[int | None] = [self.delivery.next_due_us(), self.watchdog.next_due_us()]
        for case in self.book:
            incident = case.incident
            if incident.is_open:
                escalation = incident.escalation
                due_us = 0 if escalation is None else escalation.due_us
                moments.append(incident.snoozed_until_us or due_us or None)
                moments.append(self._resolves_us(case))
            elif incident.state == "recovered":
                moments.append(self._closes_us(incident))
        return first_of(moments)

    def _forget(self, now_us: int) -> None:
        """What is past its retention, and of what waits to be closed the oldest."""
        if abs(now_us - self._tidied_us) < TIDY_US:
            return
        self._tidied_us = now_us
        done = [case for case in self.book if case.incident.state == "recovered"]
        done.sort(key=lambda case: case.incident.resolved_us)
        for case in done[: max(0, len(done) - MAX_RECOVERED)]:
            self._response.close(case, now_us, SYSTEM)
        self.book.forget_links(now_us)
        archived = [id_ for id_ in self.book.ids() if self.book.is_archived(id_)]
        for id_ in archived[self.options.max_closed :]:
            self.book.forget(id_)
        for id_ in reversed(archived[: self.options.max_closed]):
            if self.book.get(id_).incident.closed_us + self.options.retention_us > now_us:
                break
            self.book.forget(id_)

    def _bring(self, now_us: int) -> None:
        """Send what is owed; each way to a person has one message on its way."""
        for way in self.delivery.due(now_us, self.options.gap_us):
            work = self.delivery.bring(way, self._clock.now_us, self._store)
            task = asyncio.get_running_loop().create_task(work, name="incident-page")
            self._messages.add(task)
            task.add_done_callback(self._brought)

    def _brought(self, task: asyncio.Task[None]) -> None:
        self._messages.discard(task)
        self._wake.set()

    async def settled(self) -> None:
        """Wait until no message is on its way."""
        while self._messages:
            await asyncio.wait(list(self._messages))

    async def _store(self, *, wake: bool = True) -> None:
        """Store what has changed, whoever changed it. Raises `StorageError`: it waits on then."""
        if wake:
            self._wake.set()
        async with self._saving:
            if not self.book.is_waiting:
                return
            changes, announcements = self.book.take()
            try:
                await self._outbox.save(changes, announcements)
            except BaseException:
                self.book.put_back(changes, announcements)
                raise
