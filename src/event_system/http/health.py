"""How the node's parts are, in the words of the health routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["ok", "degraded", "down"]

_ORDER: tuple[State, ...] = ("ok", "degraded", "down")


@dataclass(frozen=True, slots=True)
class Health:
    """The state of each component by its name; the node is as well as its worst one."""

    components: Mapping[str, State]

    @property
    def status(self) -> State:
        return max(self.components.values(), key=_ORDER.index, default="ok")

    def those(self, state: State) -> list[str]:
        """Names of the components in a state."""
        return [name for name, is_ in self.components.items() if is_ == state]
