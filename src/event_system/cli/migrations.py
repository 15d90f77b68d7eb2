"""`event-system db migrate`, `rollback`, `status`, `export-schema`: the tables on a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from event_system.cli.options import ConfigOption, JsonOption, load
from event_system.cli.output import console, facts, print_json, table
from event_system.sql.dsn import Dsn
from event_system.sql.extras import demand

if TYPE_CHECKING:
    from event_system.sql.migrate import Status

Target: TypeAlias = Literal["mysql", "postgresql"]


def migrate(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Bring the server's tables up to date; `serve` does so by itself."""
    address = _address(config)
    from event_system.sql.migrate import upgrade

    _show(address, upgrade(address), as_json)


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show how far the server's tables are; exit code 1 where steps are pending."""
    address = _address(config)
    from event_system.sql.migrate import status as look

    found = look(address)
    _show(address, found, as_json)
    if found.pending:
        raise typer.Exit(1)


def rollback(
    to: Annotated[str, typer.Option(help="The revision to go back to; `base` is no tables.")],
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take the server's tables back, before an older version runs; what they hold may be lost."""
    address = _address(config)
    from event_system.sql.migrate import downgrade

    if not yes:
        typer.confirm(
            f"Take the tables of {address} back to {to}? What later steps added is dropped, "
            "events too.",
            abort=True,
            err=True,
        )
    _show(address, downgrade(address, to), as_json)


def export_schema(
    dialect: Annotated[Target, typer.Option(help="For which kind of server.")] = "mysql",
    folder: Annotated[Path, typer.Option("--dir", help="Where the files go.")] = Path("sql"),
) -> None:
    """Write schema.sql and init_data.sql, for the server's own client."""
    demand(dialect)
    from event_system.sql.migrate import export

    made = export(dialect)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("schema.sql", made.schema), ("init_data.sql", made.init_data)):
        (folder / name).write_text(text, encoding="utf-8")
        console().print(str(folder / name))


def _address(config: Path | None) -> Dsn:
    """The server of the configuration, whether it is enabled yet or not."""
    address = load(config).settings.database.address
    demand(address.dialect)
    return address


def _show(address: Dsn, found: Status, as_json: bool) -> None:
    pending = [{"revision": step.revision, "title": step.title} for step in found.pending]
    if as_json:
        shown: dict[str, Any] = {
            "database": str(address),
            "current": found.current,
            "newest": found.newest,
            "pending": pending,
        }
        print_json(shown)
        return
    out = console()
    out.print(facts([("database", address), ("current", found.current), ("newest", found.newest)]))
    if pending:
        out.print(table(("PENDING", "WHAT"), [(s.revision, s.title) for s in found.pending]))
