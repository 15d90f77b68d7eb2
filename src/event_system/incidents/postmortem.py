"""A postmortem: a document in Markdown, and action items that are tracked until they are done."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import msgspec

from event_system.kernel.errors import InvalidIncidentError, PostmortemNotFoundError

ItemState: TypeAlias = Literal["open", "done", "dropped"]
Standing: TypeAlias = Literal["draft", "done"]

ITEM_STATES: Final[tuple[ItemState, ...]] = get_args(ItemState)
MAX_MARKDOWN: Final = 200_000
MAX_ITEMS: Final = 100
MAX_ITEM: Final = 1_000
MAX_OWNER: Final = 200


class ActionItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is to be done. `due_us` 0 is no date; `reminded_us` is the last reminder."""

    id: int
    text: str
    owner: str = ""
    due_us: int = 0
    state: ItemState = "open"
    done_us: int = 0
    reminded_us: int = 0

    def is_overdue(self, now_us: int) -> bool:
        return self.state == "open" and 0 < self.due_us <= now_us


class Postmortem(msgspec.Struct, frozen=True, kw_only=True):
    """That of an incident."""

    incident: str
    title: str
    author: str
    markdown: str
    created_us: int
    updated_us: int
    state: Standing = "draft"
    version: int = 1
    items: tuple[ActionItem, ...] = ()


class ItemChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new item, or with `id` a change of one; what is None stays."""

    id: int | None = None
    text: str | None = None
    owner: str | None = None
    due_us: int | None = None
    state: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed of a postmortem; what is None stays."""

    markdown: str | None = None
    is_done: bool | None = None
    item: ItemChange | None = None
    version: int | None = None


def with_item(postmortem: Postmortem, change: ItemChange, now_us: int) -> Postmortem:
    """Raises `InvalidIncidentError` and `PostmortemNotFoundError`."""
    items = {item.id: item for item in postmortem.items}
    if change.id is None:
        if len(items) >= MAX_ITEMS:
            raise InvalidIncidentError(f"there are {MAX_ITEMS} items at most", where="items")
        id_ = max(items, default=0) + 1
        items[id_] = _checked(ActionItem(id=id_, text=""), change, now_us)
    elif (before := items.get(change.id)) is None:
        raise PostmortemNotFoundError(f"{postmortem.incident} has no action item {change.id}")
    else:
        items[change.id] = _checked(before, change, now_us)
    return msgspec.structs.replace(postmortem, items=tuple(items.values()))


def _checked(before: ActionItem, change: ItemChange, now_us: int) -> ActionItem:
    text = before.text if change.text is None else change.text.strip()
    owner = before.owner if change.owner is None else change.owner.strip()
    if not 0 < len(text) <= MAX_ITEM:
        raise InvalidIncidentError(f"an item takes 1 to {MAX_ITEM:,} characters", where="text")
    if len(owner) > MAX_OWNER:
        raise InvalidIncidentError(f"has over {MAX_OWNER} characters", where="owner")
    state = before.state if change.state is None else _state(change.state)
    due_us = before.due_us if change.due_us is None else change.due_us
    return msgspec.structs.replace(
        before,
        text=text,
        owner=owner,
        due_us=due_us,
        state=state,
        done_us=0 if state == "open" else before.done_us or now_us,
        reminded_us=before.reminded_us if due_us == before.due_us else 0,
    )


def _state(text: str) -> ItemState:
    for state in ITEM_STATES:
        if text == state:
            return state
    told = f"{text[:20]!r} is none of {', '.join(ITEM_STATES)}"
    raise InvalidIncidentError(told, where="state")
