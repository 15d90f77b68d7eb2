from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from event_system.kernel.errors import ImportStoppedError, TransferFileError
from tests.support.command import command
from tests.support.site import Site

ENDINGS = ["ndjson", "ndjson.gz", "ndjson.zst"]


async def fill(site: Site, count: int, **members: Any) -> None:
    async with site.client() as client:
        events = [{"type": "a.b", "source": "s", "data": n, **members} for n in range(count)]
        answer = await client.post("/api/events/batch", json=events)
    assert answer.status_code == 200


def lines_of(path: Path) -> list[dict[str, Any]]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    elif path.suffix == ".zst":
        reader = zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True)
        content = reader.read()
    return [json.loads(line) for line in content.splitlines()]


def write(path: Path, *events: Any) -> None:
    path.write_bytes(b"".join(json.dumps(event).encode() + b"\n" for event in events))


@pytest.mark.parametrize("ending", ENDINGS)
async def test_an_export_is_imported_into_another_node_as_it_was(
    site: Site, other: Site, tmp_path: Path, ending: str
) -> None:
    await fill(site, 700, subject="Mo")
    path, back = tmp_path / f"all.{ending}", tmp_path / f"back.{ending}"

    exported = await command(site, "export", str(path), "--json")
    imported = await command(other, "import", str(path), "--json")
    await command(other, "export", str(back))

    assert exported.json["events"] == 700
    assert imported.json == {"stored": 700, "duplicates": 0, "rejected": 0, "lines": 700}
    assert _unplaced(lines_of(back)) == _unplaced(lines_of(path))
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([path.name, back.name])


def _unplaced(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in event.items() if k != "received_at"} for event in events]


async def test_filters_choose_what_is_exported(site: Site, tmp_path: Path) -> None:
    await fill(site, 2)
    await fill(site, 3, type="c.d", subject="x")

    await command(site, "export", str(tmp_path / "f"), "--type", "c.*", "--since", "-1h")

    assert [event["type"] for event in lines_of(tmp_path / "f")] == ["c.d"] * 3


async def test_an_export_goes_to_standard_output(site: Site) -> None:
    await fill(site, 3)

    done = await command(site, "export", "-")

    assert [json.loads(line)["offset"] for line in done.out.splitlines()] == [1, 2, 3]


async def test_a_file_that_exists_is_not_overwritten_unasked(site: Site, tmp_path: Path) -> None:
    await fill(site, 1)
    path = tmp_path / "f.ndjson"
    path.write_text("precious\n")

    refused = await command(site, "export", str(path))
    kept = path.read_text()
    await command(site, "export", str(path), "--overwrite")

    assert isinstance(refused.error, TransferFileError)
    assert kept == "precious\n"
    assert len(lines_of(path)) == 1


@pytest.mark.parametrize("ending", ENDINGS)
async def test_an_export_that_broke_off_goes_on_after_its_last_seal(
    site: Site, tmp_path: Path, ending: str
) -> None:
    await fill(site, 300)
    path, progress = tmp_path / f"f.{ending}", tmp_path / f"f.{ending}.progress"
    await command(site, "export", str(path))
    sealed = path.stat().st_size
    position = {
        "kind": "export",
        "query": {"url": site.url, "after": "0"},
        "after": 300,
        "events": 300,
    }
    progress.write_text(json.dumps({**position, "bytes": sealed}))
    with path.open("ab") as file:
        file.write(b'{"torn":')  # what a crash leaves behind
    await fill(site, 50)

    done = await command(site, "export", str(path), "--json")

    assert done.json["events"] == 350
    assert [event["offset"] for event in lines_of(path)] == list(range(1, 351))
    assert not progress.exists()


async def test_an_unfinished_export_is_not_continued_with_other_filters(
    site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.touch()
    position = {"kind": "export", "query": {"url": site.url, "after": "0", "type": "a"}}
    (tmp_path / "f.progress").write_text(json.dumps(position))

    other = await command(site, "export", str(path), "--type", "b")
    imported = await command(site, "import", str(path))
    (tmp_path / "f.progress").write_text("{")
    unreadable = await command(site, "export", str(path), "--type", "a")

    assert isinstance(other.error, TransferFileError)
    assert "type=a" in other.error.detail
    assert isinstance(imported.error, TransferFileError)
    assert "unfinished export" in imported.error.detail
    assert isinstance(unreadable.error, TransferFileError)


async def test_the_same_file_is_imported_once(site: Site, tmp_path: Path) -> None:
    path, renamed = tmp_path / "in.ndjson", tmp_path / "in.ndjson.gz"
    write(path, {"type": "a"}, {"type": "a"}, {"type": "b", "id": "mine", "source": "x"})

    first = await command(site, "import", str(path), "--json")
    again = await command(site, "import", str(path), "--json")
    renamed.write_bytes(gzip.compress(path.read_bytes()))
    packed = await command(site, "import", str(renamed), "--json")

    assert first.json["stored"] == 3
    assert again.json == packed.json == {"stored": 0, "duplicates": 3, "rejected": 0, "lines": 3}
    assert len(site.log.rows) == 3
    assert [(row[6], row[7]) for row in site.log.rows][2] == ("x", "mine")


async def test_imports_of_other_names_are_other_events(site: Site, tmp_path: Path) -> None:
    write(tmp_path / "a", {"type": "a"})
    write(tmp_path / "b", {"type": "a"})

    for options in (["a"], ["b"], ["a", "--name", "b"], ["a", "--name", "c"]):
        await command(site, "import", str(tmp_path / options[0]), *options[1:])

    assert len(site.log.rows) == 3


async def test_a_source_is_given_to_events_without_one(site: Site, tmp_path: Path) -> None:
    write(tmp_path / "f", {"type": "a"}, {"type": "a", "source": "own"}, {"type": "a", "id": None})
    cloudevent = {"specversion": "1.0", "type": "a", "id": "x"}
    with (tmp_path / "f").open("a") as file:
        file.write(json.dumps(cloudevent))

    await command(site, "import", str(tmp_path / "f"), "--source", "old-system")

    assert [row[6] for row in site.log.rows] == ["old-system", "own", "old-system", "old-system"]


BAD = [
    {"type": "a"},
    {"type": "not a type"},
    "[1]\n",
    "{\n",
    '{"type": "a", "id": 7}\n',
    {"type": "z"},
]


def write_bad(path: Path) -> None:
    texts = [each if isinstance(each, str) else json.dumps(each) + "\n" for each in BAD]
    path.write_text("".join(texts))


async def test_an_import_stops_at_the_first_bad_line_and_goes_on_when_it_is_mended(
    site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    write_bad(path)

    stopped = await command(site, "import", str(path))
    stored = len(site.log.rows)
    path.write_text(path.read_text().replace("not a type", "a.type"))
    next_ = await command(site, "import", str(path))

    assert isinstance(stopped.error, ImportStoppedError)
    assert stopped.error.where == "line 2"
    assert "[event.invalid]" in stopped.error.detail
    assert stored == 1
    assert isinstance(next_.error, ImportStoppedError)
    assert next_.error.where == "line 3"
    assert [row[5] for row in site.log.rows] == ["a", "a.type"]


async def test_bad_lines_are_skipped_and_told_where_that_is_asked_for(
    site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    write_bad(path)

    done = await command(site, "import", str(path), "--partial", "--json")

    rejected = lines_of(tmp_path / "f.rejects")
    assert done.code == 1
    assert done.json == {"stored": 2, "duplicates": 0, "rejected": 4, "lines": 6}
    assert [each["line"] for each in rejected] == [2, 3, 4, 5]
    assert [each["where"] for each in rejected] == ["$.type", "$", None, "$.id"]
    assert json.loads(rejected[0]["text"]) == {"type": "not a type"}
    assert [row[5] for row in site.log.rows] == ["a", "z"]


async def test_standard_input_is_imported_packed_or_not(site: Site) -> None:
    plain = b'{"type": "a"}\n\n{"type": "b"}'

    first = await command(site, "import", "-", "--json", typed=plain)
    again = await command(site, "import", "-", "--json", typed=gzip.compress(plain))

    assert first.json == {"stored": 2, "duplicates": 0, "rejected": 0, "lines": 3}
    assert again.json["duplicates"] == 2


async def test_an_import_that_was_interrupted_goes_on_behind_its_position(
    site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "f.gz"
    lines = [b'{"type": "a", "data": %d}\n' % n for n in range(10)]
    path.write_bytes(gzip.compress(b"".join(lines)))
    query = {"url": site.url, "name": "f", "source": "", "rejects": f"{path}.rejects"}
    position = {"kind": "import", "query": query, "line": 4, "end": sum(map(len, lines[:4]))}
    (tmp_path / "f.gz.progress").write_text(json.dumps({**position, "stored": 4}))

    done = await command(site, "import", str(path), "--json")

    assert done.json == {"stored": 10, "duplicates": 0, "rejected": 0, "lines": 10}
    assert [row[14] for row in site.log.rows] == [b"%d" % n for n in range(4, 10)]


@pytest.mark.parametrize("end", [1, 10_000])
async def test_a_position_that_does_not_fit_the_file_is_refused(
    site: Site, tmp_path: Path, end: int
) -> None:
    write(tmp_path / "f", {"type": "a"})
    rejects = f"{tmp_path / 'f'}.rejects"
    query = {"url": site.url, "name": "f", "source": "", "rejects": rejects}
    position = {"kind": "import", "query": query, "line": 4, "end": end}
    (tmp_path / "f.progress").write_text(json.dumps(position))

    done = await command(site, "import", str(tmp_path / "f"))

    assert isinstance(done.error, TransferFileError)
    assert "has changed" in done.error.detail


@pytest.mark.parametrize("ending", ["gz", "zst"])
async def test_a_packed_file_that_is_cut_off_is_told(
    site: Site, tmp_path: Path, ending: str
) -> None:
    plain = b"".join(b'{"type": "a", "id": "%d"}\n' % n for n in range(5_000))
    pack = gzip.compress if ending == "gz" else zstandard.ZstdCompressor().compress
    path = tmp_path / f"f.{ending}"
    path.write_bytes(pack(plain)[:-20])

    done = await command(site, "import", str(path))

    assert isinstance(done.error, TransferFileError)
    assert "damaged after line" in done.error.detail


async def test_what_is_not_there_is_told(site: Site, tmp_path: Path) -> None:
    absent = await command(site, "import", str(tmp_path / "absent"))
    nowhere = await command(site, "export", str(tmp_path / "no" / "such" / "folder"))

    assert isinstance(absent.error, TransferFileError)
    assert isinstance(nowhere.error, TransferFileError)


async def test_a_rate_spreads_an_import(site: Site, tmp_path: Path) -> None:
    write(tmp_path / "f", *({"type": "a"} for _ in range(40)))
    loop = asyncio.get_running_loop()
    began = loop.time()

    await command(site, "import", str(tmp_path / "f"), "--rate", "100")

    assert len(site.log.rows) == 40
    assert loop.time() - began >= 0.25
