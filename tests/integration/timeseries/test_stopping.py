"""A store that is to end while blocks are written."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from event_system.kernel.errors import StorageError
from event_system.timeseries.merging import TOGETHER
from event_system.timeseries.options import DAY_MS, HOUR_MS
from tests.support.series import BASE_MS, StoreClock, bits, contents, labels, opened, put

A, B, C = labels("a"), labels("b", x="1"), labels("c")


def test_a_merge_that_is_stopped_leaves_everything_where_it_was(tmp_path: Path) -> None:
    clock = StoreClock(BASE_MS - BASE_MS % DAY_MS)
    store = opened(tmp_path, clock)
    noise = np.random.default_rng(5)
    for _ in range(TOGETHER):
        times = clock.ms + np.arange(3 * 2048)
        store.append([A] * 2048 + [B] * 2048 + [C] * 2048, times, noise.random(3 * 2048))
        clock.pass_ms(HOUR_MS)
        store._cut()
    wanted, blocks = contents(store), sorted(tmp_path.glob("*.block"))
    spans = [store._directory.span_of(path) or (0, 0) for path in blocks]
    unfinished = store._directory.block_path(spans[0][0], spans[-1][1]).with_suffix(".unfinished")
    os.mkfifo(unfinished)  # a disk that takes 64 KiB, which is less than one series has

    with ThreadPoolExecutor(1) as threads:
        merge = threads.submit(store.maintain)
        with unfinished.open("rb") as disk:  # the merge is under way
            store.stop()
            while disk.read(65_536):
                pass
        with pytest.raises(StorageError, match="closed"):
            merge.result(60)
    assert contents(store) == wanted
    store.close()
    again = opened(tmp_path, clock)

    assert (sorted(tmp_path.glob("*.block")), contents(again)) == (blocks, wanted)
    again.maintain()
    assert (len(again._blocks), contents(again)) == (1, wanted)
    assert again.damage == []
    again.close()


def test_a_head_that_is_to_become_a_block_at_the_end_stays_in_its_journal(tmp_path: Path) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock)
    put(store, [(A, BASE_MS, 1), (B, BASE_MS, 2)])
    clock.pass_ms(3 * HOUR_MS)
    put(store, [(A, clock.ms, 3)])
    wanted = contents(store)
    store.stop()

    with pytest.raises(StorageError, match="closed"):
        store.maintain()
    put(store, [(B, clock.ms, 4)])
    store.close()
    again = opened(tmp_path, clock)

    assert contents(again) == {**wanted, B: {**wanted[B], clock.ms: bits(4)}}
    again.close()
