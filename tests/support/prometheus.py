"""A real Prometheus of a test's own, over samples that it is given."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from event_system.promql.ports import Labels, Series
from tests.support.waiting import PATIENCE_SECONDS, wait_until
from tools.ports import free_port

DEFAULT_CONFIG = "global: {scrape_interval: 15s, evaluation_interval: 1m}\n"


class Prometheus:
    """One that answers."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **parameters: str | float) -> Any:
        """The JSON of an answer, also of one that is an error."""
        url = f"{self.url}/api/v1/{path}?{urlencode(parameters)}"
        try:
            with urlopen(url, timeout=PATIENCE_SECONDS) as answer:
                return json.load(answer)
        except HTTPError as error:
            return json.load(error)


def open_metrics(series: Iterable[Series]) -> str:
    """The samples as OpenMetrics text with times, families together."""
    lines = []
    for labels, times, values in sorted(series, key=lambda one: dict(one.labels)["__name__"]):
        name = dict(labels)["__name__"]
        for moment, value in zip(times.tolist(), values.tolist(), strict=True):
            lines.append(f"{name}{_written(labels)} {_number(value)} {moment / 1000:.3f}")
    return "\n".join([*lines, "# EOF", ""])


def _written(labels: Labels) -> str:
    pairs = (f"{name}={json.dumps(value)}" for name, value in labels if name != "__name__")
    return f"{{{','.join(pairs)}}}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)


@contextmanager
def prometheus_over(series: Iterable[Series]) -> Iterator[Prometheus]:
    """A server on a free port that holds these samples; all of it is gone in the end."""
    folder = Path(mkdtemp(prefix="es-prometheus-"))
    try:
        (folder / "samples").write_text(open_metrics(series), encoding="utf-8")
        (folder / "prometheus.yml").write_text(DEFAULT_CONFIG, encoding="utf-8")
        data = folder / "data"
        create = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q"]
        subprocess.run([*create, str(folder / "samples"), str(data)], check=True, cwd=folder)
        with running(folder, data) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(folder: Path, data: Path, *options: str) -> Iterator[Prometheus]:
    port = free_port()
    server = Prometheus(port)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={data}",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address=127.0.0.1:{port}",
                *options,
            ],
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: _is_ready(server, process, folder / "log"))
        yield server
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


def _is_ready(server: Prometheus, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        urlopen(f"{server.url}/-/ready", timeout=30).close()
    except OSError:
        return False
    return True
