"""Postmortems in their life: begun from the timeline, changed, done; overdue items are reminded."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final

import msgspec

from event_system.incidents.book import Book
from event_system.incidents.drafting import draft
from event_system.incidents.incident import Entry, Link
from event_system.incidents.ports import Page, Pager, Told
from event_system.incidents.postmortem import (
    MAX_MARKDOWN,
    ActionItem,
    Change,
    Postmortem,
    with_item,
)
from event_system.incidents.wording import Language
from event_system.kernel.errors import (
    ChannelError,
    IncidentChangedError,
    IncidentTransitionError,
    InvalidIncidentError,
    PostmortemNotFoundError,
)

REMIND_US: Final = 86_400_000_000
_log = logging.getLogger(__name__)


class Postmortems:
    """Those of all incidents that are kept."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def all(self) -> list[Postmortem]:
        """The newest first."""
        return sorted(
            self._book.postmortems.values(), key=lambda each: each.created_us, reverse=True
        )

    def get(self, incident: str) -> Postmortem:
        """Raises `PostmortemNotFoundError`."""
        found = self._book.postmortems.get(incident)
        if found is None:
            raise PostmortemNotFoundError(f"{incident[:80]!r} has no postmortem", where="id")
        return found

    def start(
        self, incident: str, who: str, language: Language, links: Iterable[Link], now_us: int
    ) -> Postmortem:
        """Begin one, prefilled from the timeline, with `links` to look at.

        Raises `IncidentNotFoundError`, and `IncidentTransitionError` where the incident is not
        over or has a postmortem.
        """
        case = self._book.get(incident)
        if case.incident.is_open or case.incident.state == "merged":
            raise IncidentTransitionError(
                f"{incident} is {case.incident.state}: a postmortem follows the end", where="state"
            )
        if incident in self._book.postmortems:
            raise IncidentTransitionError(f"{incident} has a postmortem", where="id")
        made = Postmortem(
            incident=incident,
            title=case.incident.title,
            author=who,
            markdown=draft(case, language, links),
            created_us=now_us,
            updated_us=now_us,
        )
        self._book.put_postmortem(made)
        entry = Entry(at_us=now_us, who=who, what="postmortem", facts={"state": "draft"})
        self._book.refer(case, entry, incident)
        self._book.announce("postmortem.started", case, now_us, who=who)
        return made

    def change(self, incident: str, who: str, change: Change, now_us: int) -> Postmortem:
        """Raises `PostmortemNotFoundError`, `IncidentChangedError`, `InvalidIncidentError`."""
        before = self.get(incident)
        if change.version is not None and change.version != before.version:
            told = f"the postmortem is version {before.version}, not {change.version}"
            raise IncidentChangedError(told, where="version")
        after = before
        if change.markdown is not None:
            if len(change.markdown) > MAX_MARKDOWN:
                raise InvalidIncidentError(
                    f"has over {MAX_MARKDOWN:,} characters", where="markdown"
                )
            after = msgspec.structs.replace(after, markdown=change.markdown)
        if change.item is not None:
            after = with_item(after, change.item, now_us)
        if change.is_done is not None:
            after = msgspec.structs.replace(after, state="done" if change.is_done else "draft")
        after = msgspec.structs.replace(after, version=before.version + 1, updated_us=now_us)
        self._book.put_postmortem(after)
        case = self._book.get(incident)
        if after.state != before.state:
            entry = Entry(at_us=now_us, who=who, what="postmortem", facts={"state": after.state})
            self._book.refer(case, entry, incident)
        what = "postmortem.finished" if after.state != before.state else "postmortem.changed"
        self._book.announce(what, case, now_us, who=who)
        return after

    # -- action items

    def overdue(self, now_us: int) -> Iterator[tuple[Postmortem, ActionItem]]:
        """Items whose owner was not reminded within a day."""
        for postmortem in self.all():
            for item in postmortem.items:
                if item.is_overdue(now_us) and item.reminded_us + REMIND_US <= now_us:
                    yield postmortem, item

    async def remind(self, pager: Pager, now_us: int, store: Callable[[], Awaitable[None]]) -> None:
        """Remind owners, once a day. Raises `StorageError`."""
        for postmortem, item in list(self.overdue(now_us)):
            if await _reminded(pager, postmortem, item):
                _log.info("%s: action item %d is overdue", postmortem.incident, item.id)
            self._mark(postmortem.incident, item.id, now_us)
            await store()

    def _mark(self, incident: str, id_: int, now_us: int) -> None:
        """Of the postmortem as it is by now: people may have changed it meanwhile."""
        postmortem = self.get(incident)
        items = tuple(
            msgspec.structs.replace(item, reminded_us=now_us) if item.id == id_ else item
            for item in postmortem.items
        )
        self._book.put_postmortem(msgspec.structs.replace(postmortem, items=items))


async def _reminded(pager: Pager, postmortem: Postmortem, item: ActionItem) -> bool:
    """By the quietest way that the owner has; whether it was brought."""
    methods = pager.methods(item.owner) if item.owner else ()
    method = next((each for each in ("email", "slack", *methods) if each in methods), None)
    if method is None:
        return False
    facts = Told(
        incident=postmortem.incident,
        title=postmortem.title,
        level="P3",
        service="",
        state=item.state,
        purpose="action_item",
        since_us=item.due_us,
        what=item.text,
        what_zh=item.text,
    )
    id_ = f"{postmortem.incident}-{item.id}-{item.reminded_us}"
    try:
        await pager.page(Page(id_, f"person:{item.owner}", method, (facts,), 1))
    except ChannelError as error:
        _log.warning("%s was not reminded: %s", item.owner, error.detail)
        return False
    return True
