from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from event_system.alerting.dedupe import DUE, Entry, Told, after, judged
from tests.support.alerting import NOW, SECOND

fingerprints = st.frozensets(st.sampled_from("abc"))
REPEAT = 3600 * SECOND


@st.composite
def told(draw: st.DrawFn) -> Told:
    firing = draw(fingerprints)
    return Told(firing, draw(fingerprints) - firing)


@st.composite
def entries(draw: st.DrawFn) -> Entry | None:
    if draw(st.booleans()):
        return None
    found = draw(told())
    age = draw(st.sampled_from([0, REPEAT - 1, REPEAT, REPEAT + 1]))
    return Entry(
        firing=found.firing,
        resolved=found.resolved,
        at_us=NOW - age,
        expires_us=NOW + REPEAT,
        owed=found.firing | draw(fingerprints) - found.resolved,
    )


def due(entry: Entry | None, now: Told, *, send_resolved: bool, keep_promise: bool = False) -> bool:
    reason = judged(
        entry,
        now,
        repeat_us=REPEAT,
        send_resolved=send_resolved,
        now_us=NOW,
        keep_promise=keep_promise,
    )
    return reason in DUE


@given(entries(), told(), st.booleans())
def test_the_whole_truth_table(entry: Entry | None, now: Told, send_resolved: bool) -> None:
    """Each line of the table is the first that fits."""
    if entry is None:
        expected = bool(now.firing)
    elif now.firing - entry.firing:
        expected = True
    elif not now.firing:
        expected = bool(entry.firing)
    elif send_resolved and now.resolved - entry.resolved:
        expected = True
    else:
        expected = NOW - entry.at_us > REPEAT

    assert due(entry, now, send_resolved=send_resolved) is expected


@given(entries(), told(), st.booleans(), st.booleans())
def test_what_was_just_told_is_not_told_again(
    entry: Entry | None, now: Told, send_resolved: bool, keep_promise: bool
) -> None:
    logged = after(entry, now, now_us=NOW, keep_us=REPEAT)

    assert not due(logged, now, send_resolved=send_resolved, keep_promise=keep_promise)


@given(entries(), told())
def test_whose_beginning_was_told_is_owed_an_end(entry: Entry | None, now: Told) -> None:
    logged = after(entry, now, now_us=NOW, keep_us=REPEAT)

    assert now.firing <= logged.owed
    assert not logged.owed & now.resolved
    if entry is not None:
        assert entry.owed - now.resolved <= logged.owed


def test_an_end_that_is_owed_is_told_although_the_log_has_forgotten_its_beginning() -> None:
    entry = Entry(
        firing=frozenset("b"),
        resolved=frozenset(),
        at_us=NOW,
        expires_us=NOW,
        owed=frozenset("ab"),
    )
    now = Told(frozenset("b"), frozenset("a"))

    assert due(entry, now, send_resolved=True, keep_promise=True)
    assert not due(entry, now, send_resolved=False, keep_promise=True)
