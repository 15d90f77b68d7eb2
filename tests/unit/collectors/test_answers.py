"""What servers answer, turned into figures; and what is none."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_system.collectors import figures, mysql, nats, rabbitmq, redis
from event_system.collectors.flow import Flow
from event_system.collectors.ports import Sample
from event_system.collectors.queues import MAX_QUEUES, Queue, fullest, is_dead, samples_of
from event_system.collectors.web import place_of

QUIETLY = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
WORDS = st.sampled_from(
    (
        *("account_details", "stream_detail", "consumer_detail", "name", "state", "messages"),
        *("config", "max_storage", "storage", "delivered", "consumer_seq", "num_pending"),
        *("message_stats", "arguments", "deliver_get", "object_totals", "connections", "db0"),
    )
)
"""What answers have in them, so that something comes of it."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)
NAMES = {
    name: figure.labels
    for group in (figures.DATABASE, figures.REDIS, figures.QUEUE)
    for figure in group
    for name in [figure.name]
}


def objects() -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(WORDS, JSON, max_size=6)


def fit(samples: list[Sample]) -> bool:
    """Whether all samples are of figures that there are, with the labels that those have."""
    return all(len(NAMES[name]) == len(labels) for name, _, labels in samples)


@QUIETLY
@given(objects(), objects())
def test_nothing_that_nats_may_say_breaks_a_look(server: Any, streams: Any) -> None:
    queues = list(nats.queues_of(streams, ["*dead*"]))

    assert fit([*nats.server_samples(server, streams), *samples_of(queues, Flow(), 0.0)])


@QUIETLY
@given(objects(), st.lists(objects(), max_size=3))
def test_nothing_that_rabbitmq_may_say_breaks_a_look(one: Any, items: list[Any]) -> None:
    queues = rabbitmq.queues_of(items, ["*dead*"])
    nodes = [sample for item in items for sample in rabbitmq.node_samples(item)]

    assert fit([*rabbitmq.totals(one), *nodes, *samples_of(queues, Flow(), 0.0)])


@QUIETLY
@given(objects())
def test_nothing_that_redis_may_say_breaks_a_look(info: Any) -> None:
    assert fit(list(redis.told(info)))


@QUIETLY
@given(st.dictionaries(st.sampled_from([*mysql.COUNTERS, *mysql.OTHERS]), st.floats(0, 1e18)))
def test_a_mysql_server_may_lack_any_counter(status: dict[str, float]) -> None:
    found = list(mysql.counted(status))

    assert fit(found)
    assert all(sample.value >= 0 for sample in found)


def test_a_redis_without_a_limit_may_take_the_machine() -> None:
    found = dict(sample[:2] for sample in redis.told({"maxmemory": 0, "total_system_memory": 9}))

    assert found == {"redis_server_memory_max_bytes": 9}


def test_dead_letters_are_known_by_name_and_by_whom_they_come_from() -> None:
    source = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"}
    items: list[dict[str, Any]] = [
        {"name": "work", "arguments": source},
        {"name": "grave"},
        {"name": "other.DLQ"},
        {"name": "grave", "vhost": "elsewhere"},
    ]

    found = {queue.name: queue.is_dead for queue in rabbitmq.queues_of(items, ["*dlq*"])}

    assert found == {"work": False, "grave": True, "other.DLQ": True, "elsewhere/grave": False}


def test_a_pattern_has_no_case() -> None:
    assert is_dead("Players.DEAD", ["*dead*"])
    assert not is_dead("players", ["*dead*"])


def test_of_many_queues_the_fullest_count_and_those_of_dead_letters() -> None:
    plain = [Queue(f"q{n}", depth=float(n)) for n in range(1000)]

    found = fullest([*plain, Queue("grave", depth=0.0, is_dead=True)])

    assert len(found) == MAX_QUEUES
    assert [queue.name for queue in found[:2]] == ["grave", "q999"]


def test_an_address_is_shown_without_user_and_password() -> None:
    assert place_of("http://user:p%40ss@host:15672/base/") == "http://host:15672/base"
