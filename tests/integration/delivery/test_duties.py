"""What a node has to do begins once, however often it is told to."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_system.kernel.errors import StorageError
from event_system.node.duties import Duties, Task
from tests.support.delivery import feed
from tests.support.journal import Journal, listener
from tests.support.sharing import Crew
from tests.support.waiting import until


async def test_where_a_task_does_not_begin_lanes_do_not_begin_again(tmp_path: Path) -> None:
    journal, begun = Journal(), 0

    async def begin() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise StorageError("the server is away")

    async def end() -> None:
        pass

    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))], names="a") as crew:
        dispatcher = crew["a"].dispatcher
        duties = Duties(dispatcher.everything, dispatcher.sharing, {"task": Task(begin, end)})
        await duties.divide(frozenset())
        await duties.go_on()
        feed(crew.log, 200, subjects=20)
        with pytest.raises(StorageError):
            await duties.take(duties.things, ())
        await until(lambda: len(journal.ended) > 20)
        await duties.take(duties.things, ())
        await until(lambda: len(journal.ended) >= 200 and not dispatcher.busy)
    assert sorted(journal.offsets) == list(range(1, 201))
    assert begun == 2
