"""What rules say of themselves where they cannot do their work."""

from __future__ import annotations

from event_system.kernel.errors import RuleFailedError
from event_system.rules.evaluation import RuleState
from event_system.rules.group_run import LATE_MS, GroupRun
from event_system.rules.model import Group, RecordingRule
from event_system.rules.trouble import FAILING_MS, STORAGE, trouble_of

INTERVAL_MS = 10_000
NOW_MS = 1_795_262_400_000
FAILED = RuleState(error=RuleFailedError("no"), evaluated=True)
WELL = RuleState(evaluated=True)


def run() -> GroupRun:
    rules = (RecordingRule("one", "vector(1)"), RecordingRule("two", "vector(2)"))
    found = GroupRun(Group("g", "f", rules), INTERVAL_MS)
    found.take_turn(NOW_MS)
    return found


def test_a_rule_that_fails_for_five_minutes_is_named_until_it_does_not() -> None:
    group, told = run(), []
    for after_ms in range(0, FAILING_MS + 1, INTERVAL_MS):
        group.advance([WELL, FAILED], NOW_MS + after_ms, 0.1)
        told.append(trouble_of([group], (), NOW_MS + after_ms))
    group.advance([WELL, WELL], NOW_MS + FAILING_MS + INTERVAL_MS, 0.1)

    assert set(told[:-1]) == {""}
    assert told[-1] == "rules fail for over 5 minutes: two"
    assert trouble_of([group], (), NOW_MS + FAILING_MS + INTERVAL_MS) == ""


def test_a_rule_that_only_fails_now_and_then_is_not() -> None:
    group = run()
    for after_ms in range(0, 3 * FAILING_MS, INTERVAL_MS):
        is_bad = after_ms % (2 * INTERVAL_MS) == 0
        group.advance([WELL, FAILED if is_bad else WELL], NOW_MS + after_ms, 0.1)

        assert trouble_of([group], (), NOW_MS + after_ms) == ""


def test_a_group_that_is_not_evaluated_is_late() -> None:
    group = run()

    assert trouble_of([group], (), NOW_MS + LATE_MS - INTERVAL_MS) == ""
    assert trouble_of([group], (), NOW_MS + LATE_MS + 1) == "groups are evaluated late: g"
    group.advance([WELL, WELL], NOW_MS + LATE_MS, 0.1)
    assert trouble_of([group], (), NOW_MS + 2 * LATE_MS) == ""
    assert trouble_of([group], (), NOW_MS + 2 * LATE_MS + 1) == "groups are evaluated late: g"


def test_state_that_cannot_be_stored_is_told() -> None:
    told = trouble_of([run()], {STORAGE}, NOW_MS)

    assert told == "the state of alerts of rules cannot be stored"
