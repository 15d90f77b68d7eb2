"""Alerts, configurations, receivers that listen on loopback, and processes of two Alertmanagers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import yaml

from event_system.alerting.alert import Alert, with_fingerprint
from event_system.alerting.configuration import Configuration
from event_system.alerting.notification import Notification
from event_system.alerting.reading.configuration import read
from event_system.alerting.reading.receivers import Means
from event_system.alerting.reading.sections import Reading
from event_system.alerting.templates.templates import Templates
from tests.support.process import CERTIFICATES
from tests.support.waiting import PATIENCE_SECONDS, wait_until
from tools.ports import free_port

SECOND = 1_000_000
NOW = 1_795_262_400 * SECOND  # 2026-11-21 12:00:00 UTC, a Saturday


def alert(
    starts: float = 0, ends: float = 300, updated: float | None = None, **labels: str
) -> Alert:
    """An alert; moments are seconds from `NOW`."""
    return labelled(labels, starts, ends, updated)


def labelled(
    labels: dict[str, str], starts: float = 0, ends: float = 300, updated: float | None = None
) -> Alert:
    """The same of a mapping."""
    return with_fingerprint(
        Alert(
            labels=labels or {"alertname": "x"},
            annotations={},
            starts_us=NOW + int(starts * SECOND),
            ends_us=NOW + int(ends * SECOND),
            updated_us=NOW + int((starts if updated is None else updated) * SECOND),
        )
    )


def notification(*alerts: Alert, receiver: str = "team") -> Notification:
    labels = {"alertname": alerts[0].labels.get("alertname", "")}
    return Notification(receiver, '{}:{alertname="x"}', labels, alerts, "http://alerts.example")


def configuration(text: str, templates: Templates | None = None) -> Configuration:
    """That of a YAML text. Raises `AlertingConfigurationError`."""
    found = templates or Templates()
    reading = Reading("alertmanager.yml", {}, lambda name: Path(name).read_text(), found)
    means = Means(found, lambda: NOW, lambda: "id")
    return read(yaml.safe_load(text), reading, means, yaml.safe_dump)


def _decoded(body: bytes) -> Any:
    """JSON, a form as a dictionary, or None."""
    try:
        return json.loads(body) if body else None
    except ValueError:
        return dict(parse_qsl(body.decode(), keep_blank_values=True))


class Requests:
    """An HTTP server on loopback that keeps what it is sent. `answers` come first, then `answer`."""

    def __init__(
        self, answer: tuple[int, bytes] = (200, b'{"errcode":0,"access_token":"t"}')
    ) -> None:
        self.seen: list[tuple[str, str, Any]] = []
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[tuple[int, bytes]] = []
        self.answer = answer
        self.answer_headers: dict[str, str] = {}
        self.hang = threading.Event()
        self.hang.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                if len(body) < length:  # the sender was killed meanwhile: nothing has come
                    return
                outer.headers.append({k.lower(): v for k, v in self.headers.items()})
                outer.raw.append(body)
                outer.seen.append((self.command, self.path, _decoded(body)))
                outer.hang.wait(PATIENCE_SECONDS)
                status, answer = outer.answers.pop(0) if outer.answers else outer.answer
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                for name, value in outer.answer_headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):  # who asked may have gone
                    self.wfile.write(answer)

            do_GET = do_POST = do_PUT = _do  # noqa: N815 - the library's names

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bodies(self, path: str = "") -> list[Any]:
        """What was posted to paths that begin like this."""
        return [body for _, seen, body in list(self.seen) if seen.startswith(path)]

    def close(self) -> None:
        self.hang.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class AlertmanagerProcess:
    """An Alertmanager on a free port: ours, or with `real` Debian's. Start it again after `kill`."""

    def __init__(
        self, directory: Path, config: str, *, real: bool = False, options: Sequence[str] = ()
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.config = directory / "alertmanager.yml"
        self.config.write_text(config)
        self._directory = directory
        self._real = real
        self._options = options
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> AlertmanagerProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = (
            ["prometheus-alertmanager"]
            if self._real
            else [sys.executable, "-m", "event_system.cli", "alertmanager"]
        )
        with (self._directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *command,
                    f"--config.file={self.config}",
                    f"--storage.path={self._directory / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--web.external-url=http://alerts.example",
                    "--cluster.listen-address=",
                    *self._options,
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        wait_until(self._is_ready)

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        try:
            return (
                httpx.get(f"{self.url}/-/ready", timeout=30, verify=CERTIFICATES).status_code == 200
            )
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(PATIENCE_SECONDS)

    def log(self) -> str:
        return (self._directory / "log").read_text()

    def post(self, *alerts: dict[str, Any]) -> httpx.Response:
        return httpx.post(
            f"{self.url}/api/v2/alerts", json=list(alerts), timeout=30, verify=CERTIFICATES
        )

    def get(self, path: str, **query: Any) -> Any:
        return httpx.get(
            f"{self.url}/api/v2/{path}", params=query, timeout=30, verify=CERTIFICATES
        ).json()
