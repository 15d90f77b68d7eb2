"""The servers and programs that integration tests and benchmarks need, from Debian's packages.

`python3 -m tools.services` installs what is missing and starts what does not run; it does nothing
where all is there already. Tests name what they need with `@pytest.mark.service("redis")`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

HOST = "127.0.0.1"
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Service:
    """A Debian package, the program in it, and, if it is a server, its port and how to start it."""

    name: str
    package: str
    program: str
    port: int | None = None
    start: tuple[str, ...] = ()

    def installed(self) -> bool:
        return (
            shutil.which(self.program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None
        )

    def ready(self) -> bool:
        return self.installed() if self.port is None else answers(self.port)


SERVICES = {
    service.name: service
    for service in (
        Service(
            "postgresql", "postgresql", "pg_ctlcluster", 5432, ("service", "postgresql", "start")
        ),
        Service("mariadb", "mariadb-server", "mariadbd", 3306, ("service", "mariadb", "start")),
        Service(
            "redis", "redis-server", "redis-server", 6379, ("service", "redis-server", "start")
        ),
        Service(
            "rabbitmq",
            "rabbitmq-server",
            "rabbitmq-server",
            5672,
            ("service", "rabbitmq-server", "start"),
        ),
        Service(
            "nats",
            "nats-server",
            "nats-server",
            4222,
            ("nats-server", "--addr", HOST, "--jetstream", "--store_dir", "/var/lib/nats-server"),
        ),
        Service("alertmanager", "prometheus-alertmanager", "prometheus-alertmanager"),
        Service("amtool", "prometheus-alertmanager", "amtool"),
        Service("node", "npm", "npm"),
        Service("wrk", "wrk", "wrk"),
        Service("curl", "curl", "curl"),
        Service("prometheus", "prometheus", "prometheus"),
    )
}


def answers(port: int) -> bool:
    """Whether a server accepts connections on this port of this machine."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def provide(services: Iterable[Service]) -> list[str]:
    """Installs and starts; returns the names of those that are not ready in the end."""
    missing = [service for service in services if not service.ready()]
    _install([service.package for service in missing if not service.installed()])
    for service in missing:
        if not service.ready():
            _start(service)
    return [service.name for service in missing if not _becomes_ready(service)]


def _install(packages: list[str]) -> None:
    if not packages:
        return
    print(f"Installing {', '.join(packages)} …", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-qy", "--no-install-recommends", *packages],
    ):
        subprocess.run([*_as_root(), *command], env=environment, check=True, stdout=sys.stderr)


def _start(service: Service) -> None:
    """Starts a server that outlives us: by its own daemon script, or detached."""
    if not service.start:
        return
    print(f"Starting {service.name} …", file=sys.stderr)
    subprocess.Popen(
        [*_as_root(), *service.start],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def _becomes_ready(service: Service) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while not service.ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _as_root() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]


def main() -> int:
    """Exit code 0 when everything is ready, 1 with the names of what is not."""
    try:
        absent = provide(SERVICES.values())
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        print(
            f"The services could not be set up (root or sudo is needed): {error}", file=sys.stderr
        )
        return 1
    if absent:
        print(f"Not ready: {', '.join(absent)}", file=sys.stderr)
        return 1
    print(f"Ready: {', '.join(SERVICES)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
