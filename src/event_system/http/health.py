"""How the node's parts are, in the words of the health routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

State: TypeAlias = Literal["ok", "degraded", "down"]

_ORDER: tuple[State, ...] = ("ok", "degraded", "down")


@dataclass(frozen=True, slots=True)
class Health:
    """The state of each component by its name; the node is as well as its worst one.

    `reasons` say of some that are not well why.
    """

    components: Mapping[str, State]
    reasons: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, components: Mapping[str, State], troubles: Mapping[str, str]) -> Health:
        """With more components, of which there is only their trouble; "" of those that are well."""
        more: dict[str, State] = {
            name: "degraded" if trouble else "ok" for name, trouble in troubles.items()
        }
        reasons = {name: trouble for name, trouble in troubles.items() if trouble}
        return cls({**components, **more}, reasons)

    @property
    def status(self) -> State:
        return max(self.components.values(), key=_ORDER.index, default="ok")

    def those(self, state: State) -> list[str]:
        """Names of the components in a state."""
        return [name for name, is_ in self.components.items() if is_ == state]
