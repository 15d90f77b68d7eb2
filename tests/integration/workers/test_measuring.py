"""What handlers count in worker processes is among the node's metrics, whatever becomes of these."""

from __future__ import annotations

from pathlib import Path

from event_system import EventSystem
from event_system.node.settings import EventSettings
from tests.support import measured_listeners
from tests.support.waiting import until


def value(es: EventSystem, name: str, *labels: str) -> float:
    rows = ((key[0], tuple(v for _, v in key[1]), value) for key, value in es.metrics.samples())
    return next((number for at, values, number in rows if (at, values) == (name, labels)), 0)


async def test_counts_of_a_process_that_ended_stay_and_do_not_jump(tmp_path: Path) -> None:
    two = EventSettings(worker_processes=2)
    async with EventSystem(tmp_path, settings=two, listeners=[measured_listeners]) as es:

        async def trigger(times: int) -> None:
            for number in range(times):
                await es.trigger("measured.call", {"size": 5}, subject=f"p{number}")

        def total() -> float:
            return sum(value(es, "measured_calls_total", f"p{n}") for n in range(20))

        await trigger(20)
        await until(lambda: total() == 20)
        await until(lambda: value(es, "measured_level") == 10)  # 5 of each process
        assert value(es, "measured_size_bucket", "10.0") == 20

        await es.trigger("measured.end", {"marker": str(tmp_path / "ended")}, subject="p0")
        await until(lambda: value(es, "measured_level") < 10)
        assert total() == 20

        await trigger(20)
        await until(lambda: total() == 40)
        assert value(es, "measured_size_count") == 40
        assert value(es, "measured_size_sum") == 200


async def test_without_processes_the_node_counts_by_itself(tmp_path: Path) -> None:
    async with EventSystem(tmp_path, listeners=[measured_listeners]) as es:
        await es.trigger("measured.call", {"size": 5}, subject="p0")

        await until(lambda: value(es, "measured_calls_total", "p0") == 1)
