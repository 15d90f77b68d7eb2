"""Metrics as Prometheus and OpenMetrics text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.exposition import choose_encoder

from event_system.metrics.children import Exemplar
from event_system.metrics.families import Spec, Values
from event_system.metrics.manager import Collected, MetricsManager

STEP: Final = 500
"""Lines that are written in one go: less than half a millisecond."""
SUMMARIES: Final = 10
"""Rows of summaries in one go: each puts digests together."""
TRACE_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_HELP: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})
_OPEN_HELP: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write metrics: what an Accept header asks for."""

    content_type: str
    is_open: bool

    def heading(self, spec: Spec) -> str:
        """The lines before a metric's values; in OpenMetrics a counter's name has no suffix."""
        name = spec.family if self.is_open else spec.sample
        kind = "unknown" if self.is_open and spec.exact else spec.kind
        text = spec.help.translate(_OPEN_HELP if self.is_open else _HELP)
        return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"

    @property
    def end(self) -> str:
        return "# EOF\n" if self.is_open else ""


def form_of(accept: str) -> Form:
    """What fits an Accept header; plain text where it makes no sense."""
    try:
        _, content_type = choose_encoder(accept)
    except TypeError:  # a version that is no number
        _, content_type = choose_encoder("")
    return Form(content_type, content_type.startswith("application/openmetrics-text"))


def render(manager: MetricsManager, accept: str = "") -> tuple[str, bytes]:
    """All metrics now, in the form that an Accept header asks for: content type and text."""
    form = form_of(accept)
    return form.content_type, "".join(write(manager.each(), form)).encode()


def write(each: Iterable[Collected], form: Form) -> Iterator[str]:
    """The text in pieces that take less than a millisecond each."""
    for values in each:
        if isinstance(values, Values):
            yield form.heading(values.spec)
            yield from _exemplified(values) if form.is_open and values.exemplars else _lines(values)
        else:
            yield from values.written(is_open=form.is_open)
    yield form.end


def _lines(values: Values) -> Iterator[str]:
    of, rows = values.names.of, values.rows
    known = values.names.heads
    for start, end in _steps(values):
        if len(values.names.parts) == 1:
            lines = [
                f"{known.get(labels) or of(labels).heads[0]}{value}\n"
                for labels, (value,) in rows[start:end]
            ]
        else:
            lines = [
                f"{name}{value}\n"
                for labels, row in rows[start:end]
                for name, value in zip(of(labels).heads, row, strict=True)
            ]
        yield _as_prometheus("".join(lines))


def _as_prometheus(text: str) -> str:
    """What is no finite number in Prometheus' words; a label's value never stands before an end."""
    if "nan\n" in text or "inf\n" in text:
        text = text.replace(" nan\n", " NaN\n").replace(" inf\n", " +Inf\n")
        return text.replace(" -inf\n", " -Inf\n")
    return text


def _exemplified(values: Values) -> Iterator[str]:
    """A histogram with the traces that some of its buckets know."""
    for labels, row in values.rows:
        known = values.exemplars.get(labels, {})
        heads = values.names.of(labels).heads
        yield _as_prometheus(
            "".join(
                f"{name}{value}{_trace(known.get(at))}\n"
                for at, (name, value) in enumerate(zip(heads, row, strict=True))
            )
        )


def _trace(exemplar: Exemplar | None) -> str:
    """Only of trace ids as they are in traceparents and the like: letters and digits."""
    if exemplar is None or not TRACE_ID.fullmatch(exemplar.trace_id):
        return ""
    return f' # {{trace_id="{exemplar.trace_id}"}} {exemplar.value}'


def _steps(values: Values) -> Iterator[tuple[int, int]]:
    """Rows that are written in one go, from … to."""
    width = len(values.names.parts)
    step = max(STEP // width, 1)
    if values.spec.kind == "summary":
        step = SUMMARIES
    for start in range(0, len(values.rows), step):
        yield start, start + step
