"""In what the nodes of a cluster differ: which listeners each of them has loaded."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from hashlib import blake2b

import msgspec

from event_system.cluster.ports import Offers, View
from event_system.events.listener import Listener

MOST_NAMED = 8
_log = logging.getLogger(__name__)


def offers_of(listeners: Iterable[Listener]) -> Offers:
    """What a node offers that has these: a listener's form is its kind, and what it listens to."""
    return {listener.name: _form(listener) for listener in listeners}


def _form(listener: Listener) -> str:
    kind = "batch" if listener.batch else listener.mode
    content = msgspec.json.encode([sorted(listener.patterns), listener.filter])
    return f"{kind} {blake2b(content, digest_size=16).hexdigest()}"


def served(view: View) -> frozenset[str]:
    """The listeners that some live node works for."""
    return frozenset(name for m in view.members.values() if m.offers for name in m.offers)


def differing(mine: Offers, view: View) -> set[tuple[str, str]]:
    """Listeners that are others elsewhere than here, each with a node's name."""
    return {
        (name, member.name)
        for member in view.members.values()
        for name, form in (member.offers or {}).items()
        if mine.get(name, form) != form
    }


class Differences:
    """Writes to the log what an operator has to mend; each thing once, until it was mended."""

    def __init__(self, mine: Offers) -> None:
        self._mine = mine
        self._unserved: Collection[str] = ()
        self._differing: Collection[tuple[str, str]] = ()

    def look(self, view: View, unserved: Collection[str]) -> None:
        """`unserved` are known async listeners for which no live node works."""
        if names := sorted(set(unserved) - set(self._unserved)):
            _log.warning(
                "no live node with the role worker has loaded %s: their events wait", _some(names)
            )
        for name, node in sorted((found := differing(self._mine, view)) - set(self._differing)):
            _log.warning(
                "the listener %s is another one on node %s: mode, batch, patterns or filter differ",
                *(name, node),
            )
        self._unserved, self._differing = unserved, found


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
