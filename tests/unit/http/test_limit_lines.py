"""The lines that tell a sender of its limits, found for one event and for many."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from event_system.delivery.backlog import Backlog
from event_system.events.limiter import Limit, Limiter, TypeRates, standings
from event_system.events.limits import Rate
from event_system.http.admission import Admission, AdmissionSettings
from event_system.http.answer import Answer
from event_system.http.limit_lines import error_lines, limit_lines
from event_system.kernel.errors import RateLimitedError
from tests.support.rows import row

# Sums of these are exact, so that two ways to reckon must agree to the last digit.
RATES = st.builds(Rate, st.sampled_from([0.125, 0.5, 2.0, 64.0, 4096.0]), st.integers(1, 6))
MAYBE = st.none() | RATES
LIMITS = st.builds(
    lambda key, source, type_, quiet: (
        Limit("key", key, (("bot", quiet),)),
        Limit("source", source),
        Limit("type", type_, (("b.*", quiet),)),
    ),
    *(MAYBE, MAYBE, MAYBE, MAYBE),
)
TYPES = st.dictionaries(st.sampled_from(["a", "b.c"]), RATES).map(TypeRates)
EVENTS = st.tuples(
    st.integers(0, 64).map(lambda n: n / 64),
    st.sampled_from(["game", "bot"]),
    st.sampled_from(["s1", "s2"]),
    st.sampled_from(["a", "b.c"]),
)


class Clock:
    def __init__(self) -> None:
        self.now = 4096.0

    def __call__(self) -> float:
        return self.now


def open_door(limiter: Limiter, clock: Clock) -> Admission:
    return Admission(AdmissionSettings(), limiter, Backlog(dict, clock, 1))


def told_by(door: Admission, sender: str, source: str, type_: str) -> bytes:
    """The lines of the answer to one event that is let in, or is refused."""
    answers: list[Answer] = []
    try:
        reply = door.admit(sender, (row("e", source=source, type_=type_),), answers.append)
    except RateLimitedError as error:
        return error_lines(error)
    reply(Answer(200, b"{}"))
    return answers[0].lines


def reckoned(limiter: Limiter, sender: str, source: str, type_: str) -> bytes:
    """The same as a batch is judged."""
    try:
        claims = limiter.admit(sender, [row("e", source=source, type_=type_)])
    except RateLimitedError as error:
        return error_lines(error)
    return limit_lines(standings(claims, limiter.now))


@given(LIMITS, TYPES, st.lists(EVENTS, max_size=40))
@example((Limit("key", Rate(0.125, 1)),), TypeRates(), [(0.0, "game", "s1", "a")] * 3)
def test_one_event_is_judged_and_told_as_a_batch_of_one(
    limits: Sequence[Limit], types: TypeRates, events: Sequence[tuple[float, str, str, str]]
) -> None:
    clock = Clock()
    quick, plain = Limiter(clock), Limiter(clock)
    door = open_door(quick, clock)
    for limiter in (quick, plain):
        limiter.configure(limits)
        limiter.use_types(types)
    for pause, *who in events:
        clock.now += pause
        assert told_by(door, *who) == reckoned(plain, *who)


def test_a_changed_limit_counts_from_the_next_event_on() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    door = open_door(limiter, clock)

    limiter.configure([Limit("key", Rate(1.0, 9))])
    assert told_by(door, "game", "s", "a").endswith(b'\r\nratelimit: "per_key";r=8;t=1')
    limiter.configure([Limit("source", Rate(0.5, 2))])
    assert told_by(door, "game", "s", "a").endswith(b'\r\nratelimit: "per_source";r=1;t=2')
    limiter.configure([])
    assert told_by(door, "game", "s", "a") == b""


def test_more_senders_than_are_remembered_keep_their_own_buckets() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    door = open_door(limiter, clock)
    limiter.configure([Limit("source", Rate(0.125, 1))])

    names = [f"s{n}" for n in range(10_100)]
    assert {told_by(door, "game", name, "a")[:4] for name in names} == {b"\r\nra"}
    assert {told_by(door, "game", name, "a")[:4] for name in names} == {b"\r\nre"}
