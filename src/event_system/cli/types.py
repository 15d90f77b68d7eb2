"""`event-system types`: the catalogue of event types."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
import yaml

from event_system.cli.client import DEFAULT_URL, AsJson, Connection, KeyOption, UrlOption
from event_system.cli.drafts import Settings, drafted
from event_system.cli.output import console, facts, plain, print_json, table
from event_system.kernel.errors import InvalidTypeError, TypeNotFoundError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The catalogue of event types.")

MAX_FILE_BYTES: Final = 1024 * 1024
PAGE: Final = 1000
_COLUMNS: Final = ("NAME", "MODE", "STATE", "VERSION", "OWNER", "ORIGIN", "DESCRIPTION")

Name = Annotated[str, typer.Argument(metavar="TYPE", help="The event type's name.")]
Force = Annotated[bool, typer.Option("--force", help="Even if the schema is not compatible.")]
File = Annotated[Path, typer.Argument(help="YAML or JSON; `-` is standard input.")]


@app.command("list")
def list_types(
    pattern: Annotated[str | None, typer.Option(help="`player.*`, `player.>`.")] = None,
    owner: Annotated[str | None, typer.Option(help="Exactly this owner.")] = None,
    deprecated: Annotated[
        bool | None, typer.Option("--deprecated/--not-deprecated", help="Only these.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Types a page.")] = 100,
    cursor: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """List the event types of the catalogue."""
    wanted = {"pattern": pattern, "owner": owner, "deprecated": deprecated}
    page = Connection(url, key).get("/api/types", {**wanted, "limit": limit, "cursor": cursor})
    if as_json:
        print_json(page)
        return
    out = console()
    out.print(table(_COLUMNS, (_row(each) for each in page["types"])))
    if page["next"]:
        out.print(plain(f"more: --cursor {page['next']}"), style="dim")


def _row(entry: dict[str, Any]) -> tuple[Any, ...]:
    state = "deprecated" if entry["deprecated"] else "on"
    return (
        *(entry["name"], entry["mode"], state if entry["enabled"] else "off", entry["current"]),
        *(entry["owner"], entry["origin"], entry["description"]),
    )


@app.command()
def show(
    name: Name,
    version: Annotated[int | None, typer.Option(min=1, help="Only this version's schema.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one event type and its current schema."""
    connection = Connection(url, key)
    if version is not None:
        print_json(connection.get(f"{_path(name)}/versions/{version}/schema"))
        return
    entry = connection.get(_path(name))
    if as_json:
        print_json(entry)
        return
    _show(entry)


def _show(entry: dict[str, Any]) -> None:
    out = console()
    versions = entry.pop("versions")
    out.print(facts((name.replace("_", " "), value) for name, value in entry.items()))
    for each in versions:
        if each["version"] == entry["current"]:
            out.print()
            out.print(plain(json.dumps(each["schema"], indent=2, ensure_ascii=False)))


@app.command("set")
def set_type(
    name: Name,
    file: Annotated[
        Path | None, typer.Option(help="The whole entry, YAML or JSON; options change it.")
    ] = None,
    schema: Annotated[Path | None, typer.Option(help="JSON Schema, YAML or JSON.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who is asked about it.")] = None,
    description: Annotated[str | None, typer.Option(help="What its events say.")] = None,
    mode: Annotated[str | None, typer.Option(help="`strict` or `lenient`.")] = None,
    compatibility: Annotated[str | None, typer.Option(help="`backward` or `none`.")] = None,
    enabled: Annotated[bool | None, typer.Option("--enabled/--disabled", help="On or off.")] = None,
    deprecated: Annotated[
        str | None, typer.Option(help="Why it should no longer be sent; empty ends it.")
    ] = None,
    replacement: Annotated[str | None, typer.Option(help="What to send instead.")] = None,
    rate: Annotated[float | None, typer.Option(help="Events a second; 0 lifts the limit.")] = None,
    burst: Annotated[int | None, typer.Option(help="Events at once.")] = None,
    max_size: Annotated[int | None, typer.Option(help="Bytes of data; 0 lifts it.")] = None,
    current: Annotated[int | None, typer.Option(min=1, help="The version in force.")] = None,
    force: Force = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Create an event type, or change what is given of it."""
    connection = Connection(url, key)
    before = _before(connection, name)
    given = Settings(
        {
            "owner": owner,
            "description": description,
            "mode": mode,
            "compatibility": compatibility,
            "enabled": enabled,
            "schema": None if schema is None else _read(schema),
            "current": current,
        },
        deprecated=(deprecated, replacement),
        rate=(rate, burst),
        max_size=max_size,
    )
    draft = drafted(None if file is None else _read(file), before, given)
    revision = {"if-match": f'"{before["revision"] if before else 0}"'}
    body = json.dumps(draft).encode()
    entry = connection.put(_path(name), body, {"force": force or None}, revision)
    _tell(entry, as_json=as_json)


def _before(connection: Connection, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = connection.get(_path(name))
    except TypeNotFoundError:
        return None
    return found


@app.command("add-version")
def add_version(
    name: Name,
    file: File,
    note: Annotated[str, typer.Option(help="What is new.")] = "",
    force: Force = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Add a version of a type's schema; it becomes the current one."""
    body = json.dumps({"schema": _read(file), "note": note}).encode()
    query = "?force=true" if force else ""
    entry = Connection(url, key).post(f"{_path(name)}/versions{query}", body)
    _tell(entry, as_json=as_json)


def _tell(entry: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(entry)
        return
    current = entry["current"]
    schema = "without schema" if current is None else f"schema version {current}"
    print(f"{entry['name']}: {schema}, revision {entry['revision']}")


@app.command()
def delete(
    name: Name, url: UrlOption = DEFAULT_URL, key: KeyOption = None, as_json: AsJson = False
) -> None:
    """Forget an event type and its versions; its events stay."""
    answer = Connection(url, key).delete(_path(name))
    if as_json:
        print_json(answer)
    else:
        print(f"{name}: deleted")


@app.command()
def check(
    name: Name,
    data: Annotated[str | None, typer.Option(help="Data to try, as JSON.")] = None,
    schema: Annotated[Path | None, typer.Option(help="A schema to try.")] = None,
    version: Annotated[int | None, typer.Option(min=1, help="Another version for data.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Try data or a proposed schema on a type. Exit code 1 where something is wrong."""
    trial: dict[str, Any] = {} if version is None else {"version": version}
    if data is not None:
        trial["data"] = _json(data)
    if schema is not None:
        trial["schema"] = _read(schema)
    report = Connection(url, key).post(f"{_path(name)}/check", json.dumps(trial).encode())
    if as_json:
        print_json(report)
    else:
        for fault in (*report["faults"], *report["incompatibilities"]):
            print(f"{fault['where']}: {fault['detail']}")
        print("ok" if report["ok"] else "not ok")
    if not report["ok"]:
        raise typer.Exit(1)


@app.command()
def infer(
    name: Name,
    sample: Annotated[
        int, typer.Option(min=1, max=100_000, help="Newest events to look at, at most.")
    ] = 1000,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    as_json: AsJson = False,
) -> None:
    """Propose a schema from the newest stored events of a type; every one of them fits it."""
    from event_system.events.catalogue.inference import inferred  # loads the schema library

    samples = _samples(Connection(url, key), name, sample)
    if not samples:
        raise TypeNotFoundError(f"no event of {name} with JSON data is stored", where=name)
    schema = inferred(samples)
    if as_json:
        print_json({"type": name, "samples": len(samples), "schema": schema})
        return
    print(f"from {len(samples)} events", file=sys.stderr)
    print_json(schema)


def _samples(connection: Connection, name: str, wanted: int) -> list[Any]:
    """The JSON data of the newest events; those whose data is no JSON are left out."""
    samples: list[Any] = []
    query: dict[str, Any] = {"type": name, "fields": "data,datacontenttype", "cursor": None}
    while len(samples) < wanted:
        page = connection.get("/api/events", {**query, "limit": min(PAGE, wanted)})
        samples += [each.get("data") for each in page["events"] if _is_json(each)]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    return samples[:wanted]


def _is_json(event: dict[str, Any]) -> bool:
    kind: str = event.get("datacontenttype", "application/json").partition(";")[0].strip()
    return kind == "application/json" or kind.endswith("+json")


def _path(name: str) -> str:
    return f"/api/types/{quote(name, safe='')}"


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"no JSON: {error}", param_hint="--data") from error


def _read(path: Path) -> Any:
    """The data of a YAML or JSON file."""
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        if len(raw) > MAX_FILE_BYTES:
            raise InvalidTypeError(f"{path}: over {MAX_FILE_BYTES} bytes", where=str(path))
        text = raw.decode()
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InvalidTypeError(f"{path}: {error}".split("\n", 1)[0], where=str(path)) from error
