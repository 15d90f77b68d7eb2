from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from event_system.alerting.alert import Alert
from event_system.alerting.inhibition import Inhibition, InhibitRule
from event_system.alerting.matchers import parse_matchers
from tests.support.alerting import NOW, SECOND, alert, labelled

RULE = InhibitRule(
    parse_matchers("severity=critical"), parse_matchers("severity=warning"), ("cluster",)
)
BOTH = InhibitRule(parse_matchers("s=~1|2"), parse_matchers("t=~1|2"))


def inhibitor(rule: InhibitRule, *alerts: Alert) -> Inhibition:
    return Inhibition([rule], alerts)


def test_a_source_inhibits_a_target_with_the_same_values() -> None:
    source = alert(severity="critical", cluster="a")
    found = inhibitor(RULE, source)

    warned = {"severity": "warning", "cluster": "a"}
    assert found.inhibiting(warned, NOW) == source.fingerprint
    assert found.inhibiting({**warned, "cluster": "b"}, NOW) is None


def test_labels_that_both_lack_are_equal() -> None:
    found = inhibitor(RULE, alert(severity="critical"))

    assert found.inhibiting({"severity": "warning"}, NOW)
    assert found.inhibiting({"severity": "warning", "cluster": ""}, NOW)


def test_a_source_that_has_ended_inhibits_nothing() -> None:
    found = inhibitor(RULE, alert(-10, 10, severity="critical"))

    assert found.inhibiting({"severity": "warning"}, NOW)
    assert found.inhibiting({"severity": "warning"}, NOW + 10 * SECOND) is None


def test_who_matches_both_sides_is_not_inhibited_by_its_like() -> None:
    twin = inhibitor(BOTH, alert(s="1", t="1"))
    source = inhibitor(BOTH, alert(s="1"))

    assert twin.inhibiting({"s": "2", "t": "2"}, NOW) is None
    assert twin.inhibiting({"t": "2"}, NOW)
    assert source.inhibiting({"s": "2", "t": "2"}, NOW)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["severity", "cluster"]), st.sampled_from(["critical", "warning", "a"])
        ),
        max_size=6,
    ),
    st.dictionaries(
        st.sampled_from(["severity", "cluster"]), st.sampled_from(["critical", "warning", "a"])
    ),
)
def test_the_index_finds_what_a_look_at_all_finds(
    sources: list[dict[str, str]], labels: dict[str, str]
) -> None:
    alerts = [labelled(each) for each in sources if each]
    found = inhibitor(RULE, *alerts).inhibiting(labels, NOW)

    is_target = labels.get("severity") == "warning"
    fitting = {
        each.fingerprint
        for each in alerts
        if each.labels.get("severity") == "critical"
        and each.labels.get("cluster", "") == labels.get("cluster", "")
    }
    assert (found in fitting) if is_target and fitting else (found is None)


def test_a_source_that_is_dropped_inhibits_nothing() -> None:
    source = alert(severity="critical")
    found = inhibitor(RULE, source)
    found.drop(source)

    assert found.inhibiting({"severity": "warning"}, NOW) is None
