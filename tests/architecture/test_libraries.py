"""Each library has its rooms, is declared, and has its reason in docs/dependencies.md."""

from __future__ import annotations

import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import ROOT, modules

# The module of a library and the rooms that may import it. Replacing a library touches these.
ROOMS = {
    "aiokafka": {"eventlog"},
    "aiosmtplib": {"alerting"},
    "aiormq": {"eventlog"},
    "alembic": {"sql"},
    "asyncmy": {"collectors"},
    "asyncpg": {"collectors"},
    "brotli": {"http"},
    "apprise": {"alerting"},
    "apsw": {"database", "eventlog", "sqlite"},
    "cel_expr_python": {"events"},
    "cramjam": {"timeseries"},
    "cronsim": {"kernel"},
    "dateutil": {"oncall"},
    "fastdigest": {"metrics"},
    "google": {"timeseries"},
    "holidays": {"oncall"},
    "httptools": {"http"},
    "httpx": {"alerting", "cli", "client", "collectors", "node", "rules", "timeseries"},
    "icalendar": {"oncall"},
    "jinja2": {"http"},
    "jsonschema_rs": {"events"},
    "litestar": {"http"},
    "markupsafe": {"http"},
    "msgspec": {
        "alerting",
        "cache",
        "cli",
        "client",
        "cluster",
        "collectors",
        "consistency",
        "database",
        "delivery",
        "eventlog",
        "events",
        "http",
        "incidents",
        "kernel",
        "logs",
        "node",
        "oncall",
        "promql",
        "redis",
        "rules",
        "rum",
        "scheduling",
        "sqlite",
        "timeseries",
        "workers",
    },
    "nats": {"collectors", "eventlog"},
    "numpy": {"alerting", "promql", "rules", "timeseries"},
    "pcodec": {"timeseries"},
    "prometheus_client": {"metrics"},
    "promql_parser": {"promql"},
    "psutil": {"metrics"},
    "psycopg": set(),
    "pydantic": {"node"},
    "pymysql": set(),
    "rbloom": {"eventlog"},
    "re2": {"alerting", "gotemplate", "promql"},
    "redis": {"collectors", "redis"},
    "rich": {"cli"},
    "sqlalchemy": {"cluster", "database", "eventlog", "sql"},
    "typer": {"cli"},
    "tzdata": set(),
    "uvicorn": {"http"},
    "uvloop": {"node"},
    "xxhash": {"database", "kernel"},
    "yaml": {"cli", "node", "rules", "timeseries"},
    "zstandard": {"cli", "http", "timeseries"},
}
NOT_IMPORTED = {"httptools", "psycopg", "pymysql", "tzdata"}
"""Driven by SQLAlchemy or by uvicorn; one holds data for the standard library."""
OF_USERS = {"pytest": {"testing"}}
"""What those who use a room have anyway; the product runs without it."""
DISTRIBUTIONS = {
    "dateutil": "python-dateutil",
    "google": "protobuf",
    "nats": "nats-py",
    "re2": "google-re2",
    "yaml": "pyyaml",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _third_party() -> dict[str, set[str]]:
    """The rooms that import each library."""
    known = sys.stdlib_module_names | {"event_system", "__future__"}
    found = defaultdict(set)
    for module in modules():
        for name in module.imports():
            if (top := name.partition(".")[0]) not in known:
                found[top].add(module.room)
    return found


def _names(lines: Iterable[object]) -> Iterator[str]:
    for line in lines:
        if isinstance(line, str):
            yield canonicalize_name(Requirement(line).name)


def test_a_library_is_imported_in_its_own_rooms_only() -> None:
    strangers = {
        library: rooms - (ROOMS | OF_USERS).get(library, set())
        for library, rooms in _third_party().items()
    }

    assert {library: rooms for library, rooms in strangers.items() if rooms} == {}


def test_no_library_is_carried_along_unused() -> None:
    assert set(ROOMS | OF_USERS) - set(_third_party()) == NOT_IMPORTED


def test_what_is_imported_is_declared_and_nothing_else() -> None:
    imported = {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in ROOMS}

    assert set(_names(_product())) == imported


def _product() -> list[str]:
    """What the product declares, its extras included."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    return [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)]


def test_every_dependency_has_its_line_of_reason() -> None:
    groups = PROJECT["dependency-groups"].values()
    declared = set(_names(_product()))
    declared.update(name for group in groups for name in _names(group))
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")

    explained = re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE)

    assert sorted(explained) == sorted(declared)
