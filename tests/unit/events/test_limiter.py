from __future__ import annotations

import pytest

from event_system.events.event import Row
from event_system.events.limiter import Limit, Limiter, TypeRates, standings
from event_system.events.limits import Rate
from event_system.kernel.errors import RateLimitedError
from tests.support.rows import row


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hand:
    return Hand()


def limiter(clock: Hand, *limits: Limit) -> Limiter:
    made = Limiter(clock)
    made.configure(limits)
    return made


def rows(count: int = 1, type_: str = "a", source: str = "s") -> list[Row]:
    return [row(f"e{n}", type_=type_, source=source) for n in range(count)]


def refused(judge: Limiter, sender: str, events: list[Row]) -> str | None:
    """The limit that refuses the request; None where none does."""
    try:
        judge.admit(sender, events)
    except RateLimitedError as error:
        return error.where
    return None


def test_without_limits_nothing_is_judged(clock: Hand) -> None:
    judge = limiter(clock, Limit("key"), Limit("source"), Limit("type", None, (("a", None),)))

    assert not judge.active
    assert judge.admit("game", rows(1000)) == []


@pytest.mark.parametrize(
    ("kind", "mine", "others"),
    [
        ("key", ("k1", "a", "s"), ("k2", "a", "s")),
        ("source", ("k1", "a", "s1"), ("k1", "a", "s2")),
        ("type", ("k1", "a", "s"), ("k1", "b", "s")),
    ],
)
def test_each_kind_counts_its_own_name(
    clock: Hand, kind: str, mine: tuple[str, str, str], others: tuple[str, str, str]
) -> None:
    judge = limiter(clock, Limit(kind, Rate(1, 2)))  # type: ignore[arg-type]  # one of the three

    def sent(who: tuple[str, str, str]) -> str | None:
        return refused(judge, who[0], rows(1, who[1], who[2]))

    assert [sent(mine) for _ in range(3)] == [None, None, f"limits.per_{kind}"]
    assert sent(others) is None
    clock.now += 1.0
    assert [sent(mine), sent(mine)] == [None, f"limits.per_{kind}"]


def test_a_refused_request_takes_nothing_from_any_bucket(clock: Hand) -> None:
    judge = limiter(clock, Limit("key", Rate(0.001, 10)), Limit("type", Rate(1, 1)))

    assert refused(judge, "k", rows()) is None
    for _ in range(100):
        assert refused(judge, "k", rows()) == "limits.per_type"
    assert refused(judge, "k", rows(9, "b")) is None
    assert refused(judge, "k", rows(1, "c")) == "limits.per_key"


def test_a_batch_counts_every_event_for_its_own_names(clock: Hand) -> None:
    judge = limiter(clock, Limit("source", Rate(1, 3)))

    assert refused(judge, "k", [*rows(3, source="s1"), *rows(2, source="s2")]) is None
    assert refused(judge, "k", [*rows(1, source="s2"), *rows(1, source="s1")]) is not None
    assert refused(judge, "k", rows(1, source="s2")) is None


def test_the_first_pattern_that_matches_counts(clock: Hand) -> None:
    limit = Limit(
        "type", Rate(1, 1), (("player.login", None), ("player.*", Rate(1, 3)), (">", Rate(1, 2)))
    )

    assert limit.rate_of("player.login") is None
    assert limit.rate_of("player.logout") == Rate(1, 3)
    assert limit.rate_of("other") == Rate(1, 2)


def test_names_match_by_stars_only(clock: Hand) -> None:
    limit = Limit("source", None, (("/game/*", Rate(1, 1)), ("a[b]?", Rate(1, 2))))

    assert limit.rate_of("/game/eu-1") == Rate(1, 1)
    assert limit.rate_of("/chain") is None
    assert limit.rate_of("a[b]?") == Rate(1, 2)
    assert limit.rate_of("ab!") is None


def test_a_clock_that_goes_back_refills_nothing_and_blocks_nobody(clock: Hand) -> None:
    judge = limiter(clock, Limit("key", Rate(1, 1)))
    assert refused(judge, "k", rows()) is None

    clock.now -= 500
    assert refused(judge, "k", rows()) is not None
    assert refused(judge, "other", rows()) is None
    clock.now += 501
    assert refused(judge, "k", rows()) is None


def test_the_standing_of_the_tightest_bucket_is_told(clock: Hand) -> None:
    judge = limiter(clock, Limit("key", Rate(10, 20)), Limit("source", Rate(1, 5)))

    claims = judge.admit("k", [*rows(3, source="s1"), *rows(1, source="s2")])
    by_key, by_source = standings(claims, judge.now)

    assert (by_key.policy, by_key.burst, by_key.span) == ("per_key", 20, 2.0)
    assert by_key.left == pytest.approx(16)
    assert by_source.left == pytest.approx(2)
    assert by_source.reset == pytest.approx(3)


def test_a_refusal_says_how_long_to_wait(clock: Hand) -> None:
    judge = limiter(clock, Limit("key", Rate(0.5, 1)))
    judge.admit("k", rows())

    with pytest.raises(RateLimitedError) as caught:
        judge.admit("k", rows())

    assert caught.value.standing is not None
    assert caught.value.standing.reset == pytest.approx(2.0)
    assert "'k'" in caught.value.detail


def test_a_limit_that_did_not_change_keeps_its_buckets(clock: Hand) -> None:
    by_key, by_source = Limit("key", Rate(0.001, 1)), Limit("source", Rate(0.001, 1))
    judge = limiter(clock, by_key)
    judge.admit("k", rows())

    judge.configure([by_key, by_source])
    assert refused(judge, "k", rows()) == "limits.per_key"
    judge.configure([Limit("key", Rate(0.001, 2)), by_source])
    assert refused(judge, "k", rows()) is None


def test_a_name_without_a_limit_is_told_nothing(clock: Hand) -> None:
    judge = limiter(clock, Limit("source", Rate(1, 1), (("free*", None),)))

    assert judge.admit("k", rows(100, source="freely")) == []


def test_types_of_the_catalogue_are_limited_besides(clock: Hand) -> None:
    judge = limiter(clock, Limit("type", Rate(1, 3)))
    judge.use_types(TypeRates({"a": Rate(1, 2)}))

    assert [refused(judge, "k", rows()) for _ in range(3)] == [None, None, "rate_limit"]
    assert refused(judge, "k", rows(3, "b")) is None
    told = standings(judge.admit("k", rows(1, "c")), judge.now)
    assert [standing.policy for standing in told] == ["per_type"]


def test_a_change_of_one_types_rate_forgives_the_others_nothing(clock: Hand) -> None:
    judge = limiter(clock)
    judge.use_types(TypeRates({"a": Rate(1, 2), "b": Rate(1, 1)}))
    assert refused(judge, "k", rows(2)) is None

    judge.use_types(TypeRates({"a": Rate(1, 2), "b": Rate(1, 5)}))
    assert refused(judge, "k", rows()) == "rate_limit"
    assert refused(judge, "k", rows(5, "b")) is None

    judge.use_types(TypeRates())
    assert not judge.active
