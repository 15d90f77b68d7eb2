"""What came out: rows with their targets, the page for people, the JSON for machines."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parent.parent
RAW = ROOT / ".build" / "bench"
ROUNDS = 3
MISSED, INVALID = "**no**", "**not valid**"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limit:
    """What a row's median has to keep; nothing where neither is given."""

    at_least: float | None = None
    at_most: float | None = None

    def text(self, unit: str) -> str:
        if self.at_least is not None:
            return f"≥ {short(self.at_least)} {unit}"
        return "" if self.at_most is None else f"≤ {short(self.at_most)} {unit}"

    def verdict(self, value: float) -> str:
        if self.at_least is None and self.at_most is None:
            return ""
        low = self.at_least is None or value >= self.at_least
        high = self.at_most is None or value <= self.at_most
        return "yes" if low and high else MISSED


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a value a round. `faults` are reasons not to believe it."""

    what: str
    values: tuple[float, ...]
    unit: str
    limit: Limit = field(default_factory=Limit)
    absolute: str = ""
    faults: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        return INVALID if self.faults else self.limit.verdict(self.value)

    def cells(self) -> tuple[str, ...]:
        span = f"{short(min(self.values))} – {short(max(self.values))}"
        spread = span if len(self.values) > 1 else ""
        value = f"{short(self.value)} {self.unit}".strip()
        target = self.limit.text(self.unit)
        return self.what, value, spread, self.absolute, target, self.verdict


@dataclass(slots=True)
class Run:
    """One benchmark's run: how long and how often it measures, and its rows so far.

    `events` replaces the number of stored events where a benchmark fills a log first.
    """

    quick: bool
    events: int | None = None
    rows: list[Row] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        """How long one load lasts."""
        return 2 if self.quick else 6

    def scale(self, full: int, quick: int) -> int:
        """How many events, retries or schedules to store."""
        return self.events or (quick if self.quick else full)

    def rounds(self, sides: Mapping[str, Callable[[], T]]) -> list[dict[str, T]]:
        """Measure all sides back to back in every round, each round in the other order."""
        found = []
        for turn in range(ROUNDS):
            names = list(sides)[:: -1 if turn % 2 else 1]
            found.append({name: sides[name]() for name in names})
        return found

    def figure(
        self, what: str, values: Sequence[float], unit: str, faults: Sequence[str] = ()
    ) -> None:
        """A value to know, without a target."""
        self._add(Row(what, tuple(values), unit, faults=tuple(faults)))

    def at_most(
        self,
        what: str,
        values: Sequence[float],
        target: float,
        unit: str,
        *,
        beside: str = "",
        faults: Sequence[str] = (),
    ) -> None:
        """A value with an upper limit."""
        limit = Limit(at_most=target)
        self._add(Row(what, tuple(values), unit, limit, beside, tuple(faults)))

    def ratio(
        self,
        what: str,
        pairs: Sequence[tuple[float, float]],
        unit: str,
        limit: Limit | None = None,
        faults: Sequence[str] = (),
    ) -> None:
        """The ratio within each round, ours over theirs; the absolute figures stand beside it."""
        values = tuple(a / b for a, b in pairs)
        ours, theirs = zip(*pairs, strict=True)
        absolute = f"{short(statistics.median(ours))} : {short(statistics.median(theirs))} {unit}"
        self._add(Row(what, values, "×", limit or Limit(), absolute, tuple(faults)))

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        print("  " + "  ".join(cell for cell in row.cells() if cell), flush=True)
        for fault in row.faults:
            print(f"    not valid: {fault}", flush=True)


def short(value: float) -> str:
    """Three figures are more than these machines are steady to."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> str:
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", cpuinfo)
    name = model[1] if model else "unknown processor"
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} × {name}, {system}, {_fsyncs_per_second():,.0f} fdatasync/s"


def _fsyncs_per_second() -> float:
    probe = RAW / "fsync-probe"
    with probe.open("wb") as file:
        started = time.perf_counter()
        for _ in range(500):
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
        spent = time.perf_counter() - started
    probe.unlink()
    return 500 / spent


def commit() -> str:
    """The commit that is measured; `+` where the work tree differs from it."""
    changed = _git("status", "--porcelain", "--", ":!docs/performance.md")
    return _git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@dataclass(frozen=True, slots=True)
class Section:
    """The outcome of one benchmark in one call."""

    name: str
    about: str
    command: str
    machine: str
    commit: str
    rows: Sequence[Row]
    error: str = ""

    def failed(self) -> bool:
        return bool(self.error) or any(row.verdict in {MISSED, INVALID} for row in self.rows)

    def save(self) -> None:
        """The raw values, a file a benchmark."""
        measured_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        content = {**asdict(self), "measured_at": measured_at}
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (RAW / f"{self.name}.json").write_text(text + "\n")

    def markdown(self) -> str:
        origin = f"{time.strftime('%Y-%m-%d')}, commit {self.commit}, `{self.command}`, "
        lines = [f"### {self.name}", "", self.about, "", f"{origin}{self.machine}.", ""]
        if self.error:
            lines += [f"**It failed:** {self.error}", ""]
        if self.rows:
            lines += [
                "| what | median | rounds | absolute | target | met |",
                "|---|---|---|---|---|---|",
            ]
            lines += [f"| {' | '.join(row.cells())} |" for row in self.rows]
        faults = dict.fromkeys(fault for row in self.rows for fault in row.faults)
        lines += ["", *(f"- not valid: {fault}" for fault in faults)] if faults else []
        return "\n".join(lines)

    def write(self, page: Path, order: Sequence[str]) -> None:
        """Renew this section of the page; all others stay as they are."""
        text = page.read_text()
        found = dict(_SECTION.findall(text)) | {self.name: self.markdown()}
        body = "\n\n".join(
            f"<!-- {name} -->\n{found[name].strip()}\n<!-- /{name} -->"
            for name in order
            if name in found
        )
        page.write_text(_ALL.sub(lambda _: f"{_BEGIN}\n\n{body}\n\n{_END}", text))


_BEGIN, _END = "<!-- results -->", "<!-- /results -->"
_ALL = re.compile(f"{_BEGIN}.*{_END}", re.DOTALL)
_SECTION = re.compile(r"<!-- (\w+) -->\n(### .*?)<!-- /\1 -->", re.DOTALL)
