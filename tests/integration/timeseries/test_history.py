"""Importing a file of OpenMetrics, from the command line into a store on disk."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from event_system.cli.metrics import app
from event_system.kernel.errors import DataDirectoryError, ExpositionError, TransferFileError
from event_system.timeseries.collection import history
from event_system.timeseries.collection.history import HistoryImport
from event_system.timeseries.options import DAY_MS
from tests.support.series import BASE_MS, bits, contents, labels, opened

FIRST = BASE_MS // 1000
TEXT = (
    "# TYPE x gauge\n"
    + "".join(f'x{{i="{n % 3}"}} {n} {FIRST + n * 7200}\n' for n in range(30))
    + "# EOF\n"
)
WANTED = {
    labels("x", i=str(i)): {BASE_MS + n * 7_200_000: bits(n) for n in range(i, 30, 3)}
    for i in range(3)
}


@pytest.mark.parametrize("name", ["x.om", "x.om.gz"])
def test_a_file_is_imported_and_a_second_time_changes_nothing(tmp_path: Path, name: str) -> None:
    file, place = tmp_path / name, tmp_path / "store"
    file.write_bytes(gzip.compress(TEXT.encode()) if name.endswith("gz") else TEXT.encode())
    command = ["import", str(file), "--directory", str(place), "--json"]

    for _ in range(2):
        done = CliRunner().invoke(app, command, catch_exceptions=False)

        assert json.loads(done.stdout) == {"samples": 30, "lines": 32}
    store = opened(place)
    assert contents(store) == WANTED
    assert {block.min_ms // DAY_MS for block in store._blocks} == {
        time // DAY_MS for points in WANTED.values() for time in points
    }
    store.close()


def test_a_store_in_use_and_a_file_that_is_not_there_are_told(tmp_path: Path) -> None:
    file, place = tmp_path / "x.om", tmp_path / "store"
    file.write_text(TEXT)
    store = opened(place)

    with pytest.raises(DataDirectoryError, match="in use by process"):
        CliRunner().invoke(
            app, ["import", str(file), "--directory", str(place)], catch_exceptions=False
        )
    store.close()
    with pytest.raises(TransferFileError, match="absent"):
        CliRunner().invoke(
            app,
            ["import", str(tmp_path / "absent"), "--directory", str(place)],
            catch_exceptions=False,
        )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x 1 1\nx y\n# EOF\n", "line 2"),
        ("x 1 1\nx 2\n# EOF\n", "has no time"),
        ("x 1 1\n", "not whole"),
        ("", "not whole"),
        ("x 1 1\n# EOF\nx 2 2\n", "not whole"),
    ],
)
def test_a_text_at_fault_stops_the_import(tmp_path: Path, text: str, said: str) -> None:
    store = opened(tmp_path)
    with pytest.raises(ExpositionError, match=said):
        HistoryImport(store, lambda now: None).run(text.splitlines(keepends=True))
    store.close()


def test_a_large_file_is_stored_in_stretches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LINES", 4)
    monkeypatch.setattr(history, "STRETCH", 7)
    store, told = opened(tmp_path), list[int]()

    HistoryImport(store, lambda now: told.append(now.samples)).run(TEXT.splitlines(keepends=True))

    assert told[-1] == 30
    assert len(told) > 3
    assert contents(store) == WANTED
    store.close()
