"""Events of the log held against themselves: keys, lanes, order, content. Pure.

The quick way looks at whole columns; only where one of them is wrong every row is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from event_system.consistency.kinds import (
    LOG_CONTENT,
    LOG_GAP,
    LOG_KEY,
    LOG_LANE,
    LOG_ORDER,
    Finding,
)
from event_system.consistency.ports import Part, StoredRow
from event_system.events.codec import check_json
from event_system.events.event import is_json
from event_system.kernel.errors import MalformedBodyError
from event_system.kernel.lanes import (
    id_key,
    id_keys,
    lane_of,
    source_key,
    subject_key,
    subject_keys,
    type_key,
)

_ODD = (TypeError, AttributeError, ValueError)
"""What a column raises that holds something else than it should."""

_extensions = msgspec.json.Decoder(dict[str, Any])


class RowCheck:
    """Looks at events in the order of their offsets, from the first one above `after` on.

    Above the log's floor none may be missing; `floor` tells where it is by now, as old events may
    be deleted meanwhile.
    """

    def __init__(self, lanes: int, after: int, floor: Callable[[], int]) -> None:
        self._lanes = lanes
        self._last = after
        self._floor = floor
        self._received_us: int | None = None
        self._known: set[tuple[Any, Any, Any]] = set()
        """Kind, text and key of types and sources that are right: they repeat."""

    def look(self, part: Part) -> Iterator[Finding]:
        """The next part of the log."""
        rows, offsets = part.rows, [row[0] for row in part.rows]
        if rows and not self._is_sound(rows):
            for row in rows:
                yield from self._row(row)
        yield from self._content(rows)
        if part.unreadable is not None:
            offsets.append(part.through)
            yield Finding(LOG_CONTENT, f"offset {part.through}: {part.unreadable}")
        yield from self._gaps([*offsets, part.through + 1])
        self._last = part.through

    def _is_sound(self, rows: Sequence[StoredRow]) -> bool:
        """Whether keys, lanes and times of all rows are right."""
        columns = list(zip(*rows, strict=True))
        _, of_id, of_subject, of_type, of_source, lanes, types, sources, ids, subjects = columns[
            :10
        ]
        received = columns[11]
        try:
            sound = (
                list(of_id) == id_keys(ids)
                and list(of_subject) == subject_keys(subjects)
                and self._are_known("type", types, of_type, type_key)
                and self._are_known("source", sources, of_source, source_key)
                and list(lanes) == list(map(self._lane, of_id, of_subject))
                and all(before <= after for before, after in pairwise(received))
                and (self._received_us is None or self._received_us <= received[0])
            )
        except _ODD:
            return False
        if sound:
            self._received_us = received[-1]
        return sound

    def _are_known(self, kind: str, texts: Any, keys: Any, key_of: Any) -> bool:
        for pair in set(zip(texts, keys, strict=True)):
            if (kind, *pair) not in self._known:
                if key_of(pair[0]) != pair[1]:
                    return False
                self._remember((kind, *pair))
        return True

    def _remember(self, known: tuple[Any, Any, Any]) -> None:
        if len(self._known) >= 10_000:
            self._known.clear()
        self._known.add(known)

    def _lane(self, of_id: int, of_subject: int | None) -> int:
        return lane_of(of_id if of_subject is None else of_subject, self._lanes)

    def _row(self, row: StoredRow) -> Iterator[Finding]:
        """What is wrong with one row."""
        offset, received_us = row[0], row[11]
        try:
            if wrong := wrong_keys(row[1:]):
                yield Finding(LOG_KEY, f"offset {offset}: {wrong}")
            elif (lane := self._lane(row[1], row[2])) != row[5]:
                yield Finding(LOG_LANE, f"offset {offset}: lane {row[5]} instead of {lane}")
            if self._received_us is not None and received_us < self._received_us:
                yield Finding(LOG_ORDER, f"offset {offset}: received at {received_us} µs")
            self._received_us = int(received_us)
        except _ODD as error:
            yield Finding(LOG_CONTENT, f"offset {offset}: {error}")

    def _gaps(self, offsets: Sequence[int]) -> Iterator[Finding]:
        """Offsets that are missing in front of each of these."""
        if offsets[-1] - self._last == len(offsets):
            return
        before = max(self._last, self._floor())
        for offset in offsets:
            if offset > before + 1:
                missing = offset - before - 1
                yield Finding(LOG_GAP, f"offsets {before + 1} to {offset - 1}", number=missing)
            before = max(before, offset)

    def _content(self, rows: Sequence[StoredRow]) -> Iterator[Finding]:
        for row in rows:
            media_type, extensions, data = row[12], row[14], row[15]
            try:
                if data is not None and (media_type is None or is_json(media_type)):
                    check_json(data)
                if extensions is not None:
                    _extensions.decode(extensions)
            except (*_ODD, MalformedBodyError, msgspec.DecodeError) as error:
                yield Finding(LOG_CONTENT, f"offset {row[0]}: {error}")


def wrong_keys(row: Sequence[Any]) -> str:
    """Which keys of a row, which begins with them, are not those of its texts; '' where none is."""
    of_id, of_subject, of_type, of_source, _, type_, source, id_, subject = row[:9]
    expected = {
        "id": (of_id, id_key(id_)),
        "subject": (of_subject, None if subject is None else subject_key(subject)),
        "type": (of_type, type_key(type_)),
        "source": (of_source, source_key(source)),
    }
    return ", ".join(
        f"{name} key {stored} instead of {due}"
        for name, (stored, due) in expected.items()
        if stored != due
    )
