from __future__ import annotations

import platform
from pathlib import Path

import pytest

from event_system.node.memory import give_back

PAGE = 4096
KILOBYTES = 40_000


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is freed")
def test_what_was_freed_between_what_is_kept_goes_back_to_the_system() -> None:
    taken = [bytes(1000) for _ in range(KILOBYTES)]
    taken = taken[::40]
    before = resident_bytes()

    give_back()

    assert len(taken) == KILOBYTES / 40
    assert before - resident_bytes() > KILOBYTES * 1000 / 2
