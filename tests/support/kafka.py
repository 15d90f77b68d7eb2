"""Kafka brokers of a test's own: the mock cluster that librdkafka brings along.

It speaks Kafka's protocol on real ports, to whichever client, and its partitions are real logs with
offsets; brokers can be stopped, leaders moved, answers replaced by errors. It keeps everything in
memory, five megabytes of a partition at most, replicates nothing, and makes, describes and relieves
no topics. Run as a program, it is such a cluster, told what to do by lines of its input.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import confluent_kafka

from tests.support.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]


class KafkaBrokers:
    """Brokers with the numbers 1, 2, … that listen on free ports."""

    def __init__(self, number: int = 3) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.kafka", str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        named = [server.rpartition(":") for server in self._line().split(",")]
        self.servers = tuple((host, int(port)) for host, _, port in named)

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(f"kafka://{host}:{port}" for host, port in self.servers)

    def topic(self, name: str, partitions: int = 1) -> None:
        """Make a topic, unless it is there."""
        self._do("topic", name, partitions)

    def stop(self, broker: int) -> None:
        """Its connections break, and new ones are refused; what it leads has no leader."""
        self._do("down", broker)

    def start(self, broker: int) -> None:
        self._do("up", broker)

    def lead(self, topic: str, broker: int) -> None:
        """Make a broker the leader of a topic."""
        self._do("lead", topic, broker)

    def freeze(self) -> None:
        """Nothing answers any more, as behind a cut; what is sent waits on its way."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # its threads go on for a moment

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def delay(self, broker: int, seconds: float) -> None:
        """Let a broker's answers come so much later; it does at once what it is asked for."""
        self._do("delay", broker, int(seconds * 1000))

    def fail(self, request: int, code: int, times: int = 1) -> None:
        """Answer the next requests of this kind with an error, without doing what they ask for.

        Both are numbers of Kafka's protocol; a negative code breaks the connection instead.
        """
        self._do("fail", request, code, times)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.thaw()
        self._process.stdin.close()
        self._process.wait(PATIENCE_SECONDS)
        self._process.stdout.close()

    def _do(self, *words: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = self._line()
        assert answer == "0", f"{words}: {answer}"

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the brokers have ended"
        return line


@contextmanager
def kafka_brokers(number: int = 3) -> Iterator[KafkaBrokers]:
    """Running brokers; all of it is gone in the end."""
    brokers = KafkaBrokers(number)
    try:
        yield brokers
    finally:
        brokers.close()


def _library() -> Any:
    """The librdkafka that is packed with its Python client."""
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    (found,) = folder.glob("librdkafka-*")
    library = ctypes.CDLL(str(found))
    text, number, handle = ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p
    library.rd_kafka_conf_new.restype = handle
    library.rd_kafka_conf_set.argtypes = [handle, text, text, text, ctypes.c_size_t]
    library.rd_kafka_new.restype = handle
    library.rd_kafka_new.argtypes = [number, handle, text, ctypes.c_size_t]
    library.rd_kafka_mock_cluster_new.restype = handle
    library.rd_kafka_mock_cluster_new.argtypes = [handle, number]
    library.rd_kafka_mock_cluster_bootstraps.restype = text
    library.rd_kafka_mock_cluster_bootstraps.argtypes = [handle]
    library.rd_kafka_mock_topic_create.argtypes = [handle, text, number, number]
    library.rd_kafka_mock_broker_set_down.argtypes = [handle, ctypes.c_int32]
    library.rd_kafka_mock_broker_set_up.argtypes = [handle, ctypes.c_int32]
    library.rd_kafka_mock_broker_set_rtt.argtypes = [handle, ctypes.c_int32, number]
    library.rd_kafka_mock_partition_set_leader.argtypes = [
        *(handle, text, ctypes.c_int32, ctypes.c_int32)
    ]
    library.rd_kafka_mock_push_request_errors_array.argtypes = [
        *(handle, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(number))
    ]
    return library


def _cluster(library: Any, number: int) -> Any:
    config, why = library.rd_kafka_conf_new(), ctypes.create_string_buffer(512)
    library.rd_kafka_conf_set(config, b"log_level", b"2", why, len(why))
    client = library.rd_kafka_new(0, config, why, len(why))
    return library.rd_kafka_mock_cluster_new(client, number)


def _serve(number: int) -> None:
    library = _library()
    cluster = _cluster(library, number)
    made: set[str] = set()

    def topic(name: str, partitions: str) -> int:
        if name in made:
            return 0
        made.add(name)
        create = library.rd_kafka_mock_topic_create
        return int(create(cluster, name.encode(), int(partitions), min(3, number)))

    def lead(name: str, broker: str) -> int:
        found = library.rd_kafka_mock_partition_set_leader(cluster, name.encode(), 0, int(broker))
        return int(found)

    def fail(request: str, code: str, times: str) -> int:
        codes = (ctypes.c_int * int(times))(*[int(code)] * int(times))
        library.rd_kafka_mock_push_request_errors_array(cluster, int(request), int(times), codes)
        return 0

    def of_broker(function: Any) -> Callable[..., int]:
        return lambda *words: function(cluster, *map(int, words))

    commands: dict[str, Callable[..., int]] = {
        "topic": topic,
        "down": of_broker(library.rd_kafka_mock_broker_set_down),
        "up": of_broker(library.rd_kafka_mock_broker_set_up),
        "delay": of_broker(library.rd_kafka_mock_broker_set_rtt),
        "lead": lead,
        "fail": fail,
    }
    _say(library.rd_kafka_mock_cluster_bootstraps(cluster).decode())
    for line in sys.stdin:
        command, *words = line.split()
        _say(commands[command](*words))


def _say(answer: object) -> None:
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
