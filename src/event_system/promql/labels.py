"""What series are called."""

from __future__ import annotations

from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, sorted by name, `__name__` among them; none is empty."""
