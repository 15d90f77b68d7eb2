"""How often Python's garbage collector looks at a process that has started."""

from __future__ import annotations

import gc
from typing import Final

YOUNG_OBJECTS: Final = 20_000


def spare_the_collector() -> None:
    """Leave what was loaded at the start out of garbage collections, and collect less often.

    Rows and answers hold no cycles; looking at all modules for them costs a tenth of the rate.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
