from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from event_system.alerting.alert import Alert
from event_system.alerting.groups import Groups, Moment, Timer
from event_system.alerting.labels import written
from event_system.alerting.matchers import parse_matchers
from event_system.alerting.routes import Route, RouteOptions, key_of
from tests.support.alerting import NOW, SECOND, alert, configuration, labelled

OPTIONS = RouteOptions(
    "team",
    group_by=frozenset(["alertname"]),
    group_wait_us=10 * SECOND,
    group_interval_us=60 * SECOND,
)
ROUTE = Route(OPTIONS)


def moment(seconds: float) -> Moment:
    us = int(seconds * SECOND)
    return Moment(NOW + us, us)


def new(seconds: float, ends: float = 1000, **labels: str) -> Alert:
    return alert(seconds, ends, seconds, **(labels or {"alertname": "x"}))


def names(groups: Groups, seconds: float) -> list[list[str]]:
    """What is told at this moment, and taken well."""
    told = []
    for flush in groups.take_due(moment(seconds)):
        told.append([each.labels["alertname"] for each in flush.alerts])
        groups.end(flush, told=True)
    return told


def test_a_group_waits_so_that_what_begins_together_is_told_together() -> None:
    groups = Groups(ROUTE)
    groups.insert(new(0, alertname="x", host="a"), moment(0))
    groups.insert(new(5, alertname="x", host="b"), moment(5))

    assert names(groups, 9.9) == []
    assert names(groups, 10) == [["x", "x"]]


def test_after_that_it_is_due_at_every_interval() -> None:
    groups = Groups(ROUTE)
    groups.insert(new(0), moment(0))

    assert names(groups, 10) == [["x"]]
    groups.insert(new(20), moment(20))
    assert names(groups, 69.9) == []
    assert names(groups, 70) == [["x"]]
    assert groups.next_due_us() == 130 * SECOND


def test_what_comes_later_takes_its_place_in_the_order() -> None:
    groups = Groups(ROUTE)
    groups.insert(new(0, alertname="x", host="b"), moment(0))
    (flush,) = groups.take_due(moment(10))
    assert not flush.in_order
    groups.keep_order(flush.group, flush.alerts)
    groups.end(flush, told=True)
    groups.insert(new(20, alertname="x", host="b"), moment(20))  # is known
    (flush,) = groups.take_due(moment(70))
    assert flush.in_order
    groups.insert(new(70, alertname="x", host="a"), moment(70))
    groups.keep_order(flush.group, flush.alerts)
    groups.end(flush, told=True)
    (flush,) = groups.take_due(moment(130))

    assert not flush.in_order
    assert [each.labels["host"] for each in flush.alerts] == ["b", "a"]
    groups.keep_order(flush.group, flush.alerts[::-1])
    groups.end(flush, told=True)
    (flush,) = groups.take_due(moment(190))
    assert flush.in_order
    assert [each.labels["host"] for each in flush.alerts] == ["a", "b"]


def test_an_alert_that_has_left_its_groups_comes_back_into_those_of_its_labels() -> None:
    groups = Groups(ROUTE)
    groups.insert(new(0), moment(0))
    assert names(groups, 10) == [["x"]]
    groups.insert(new(20, ends=20), moment(20))
    assert names(groups, 70) == [["x"]]
    assert len(groups.drop_empty()) == 1
    assert [group.labels for group in groups.insert(new(80), moment(80))] == [{"alertname": "x"}]

    assert names(groups, 90) == [["x"]]


def test_an_alert_that_has_waited_elsewhere_is_told_at_once() -> None:
    groups = Groups(ROUTE)
    groups.insert(new(-30), moment(0))

    assert names(groups, 0) == [["x"]]


def test_what_has_resolved_leaves_once_it_was_told() -> None:
    groups = Groups(ROUTE)
    groups.insert(new(0, ends=5), moment(0))

    [flush] = groups.take_due(moment(10))
    groups.end(flush, told=False)
    assert [group.alerts for group in groups] != [{}]
    [flush] = groups.take_due(moment(70))
    groups.end(flush, told=True)

    assert groups.drop_empty() == ['{}:{alertname="x"}']
    assert len(groups) == 0


def test_what_fires_again_while_it_is_told_stays() -> None:
    groups = Groups(ROUTE)
    groups.insert(new(0, ends=5), moment(0))
    [flush] = groups.take_due(moment(10))
    groups.insert(new(11), moment(11))

    groups.end(flush, told=True)

    assert [len(group.alerts) for group in groups] == [1]


def test_a_group_that_is_being_told_is_not_due() -> None:
    groups = Groups(ROUTE)
    groups.insert(new(0), moment(0))
    [flush] = groups.take_due(moment(10))

    assert groups.take_due(moment(100)) == []
    assert groups.next_due_us() is None
    groups.end(flush, told=True)
    assert names(groups, 100) == [["x"]]


def test_what_fires_does_not_resolve_while_it_is_told() -> None:
    groups = Groups(ROUTE)
    groups.insert(new(0, ends=10.5), moment(0))

    [flush] = groups.take_due(moment(10))

    assert not flush.alerts[0].resolved_at(moment(100).wall_us)


def test_a_timer_that_was_kept_goes_on() -> None:
    groups = Groups(ROUTE)
    groups.insert(new(-30), moment(0))
    groups.restore('{}:{alertname="x"}', Timer(NOW + 40 * SECOND, True), moment(0))

    assert names(groups, 39) == []
    assert names(groups, 40) == [["x"]]


def test_a_timer_is_never_longer_than_its_interval() -> None:
    """Where the clock was set back."""
    groups = Groups(ROUTE)
    groups.insert(new(0), moment(0))
    groups.restore('{}:{alertname="x"}', Timer(NOW + 9000 * SECOND, True), moment(0))

    assert groups.next_due_us() == 60 * SECOND


def tree() -> Route:
    critical = parse_matchers("severity=critical")
    inner = Route(RouteOptions("pager"), critical, True, (), key_of("{}", critical), "0")
    team = parse_matchers("team=~a|b")
    by_all = RouteOptions("team", group_by_all=True)
    outer = Route(by_all, team, False, (), key_of("{}", team), "1")
    return Route(RouteOptions("all"), routes=(inner, outer))


def test_an_alert_goes_to_the_first_route_that_does_not_continue() -> None:
    def receivers(**labels: str) -> list[str]:
        return [route.options.receiver for route in tree().match(labels)]

    assert receivers(severity="critical", team="a") == ["pager", "team"]
    assert receivers(severity="critical") == ["pager"]
    assert receivers(team="b") == ["team"]
    assert receivers(team="c") == ["all"]


def test_a_group_is_named_by_its_route_and_labels() -> None:
    groups = Groups(tree())
    groups.insert(new(0, alertname="x", team="a"), moment(0))

    assert [group.key for group in groups] == ['{}/{team=~"a|b"}:{alertname="x", team="a"}']


def test_routes_with_the_same_matchers_have_groups_of_their_own() -> None:
    twins = configuration(
        "route: {receiver: a, routes: [{receiver: a, continue: true}, {receiver: b}]}\n"
        "receivers: [{name: a}, {name: b}]"
    )
    groups = Groups(twins.route)
    groups.insert(new(0), moment(0))

    assert sorted(group.route.options.receiver for group in groups) == ["a", "b"]
    assert {group.key for group in groups} == {"{}/{}:{}"}


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["alertname", "team", "severity"]),
            st.sampled_from(["a", "b", "critical"]),
            min_size=1,
        ),
        max_size=12,
    )
)
def test_every_alert_is_in_one_group_of_each_of_its_routes(sets: list[dict[str, str]]) -> None:
    groups, root = Groups(tree()), tree()
    for labels in sets:
        groups.insert(labelled(labels), moment(0))

    held = [(group.route.key, written(group.labels), fp) for group in groups for fp in group.alerts]
    wanted = {
        (route.key, written(route.group_labels(labels)), labelled(labels).fingerprint)
        for labels in sets
        for route in root.match(labels)
    }
    assert sorted(held) == sorted(wanted)


def test_what_comes_after_its_group_was_forgotten_is_in_a_new_one() -> None:
    groups = Groups(ROUTE)
    groups.insert(new(0, 10), moment(0))
    assert names(groups, 10) == [["x"]]
    assert len(groups.drop_empty()) == 1
    groups.insert(new(20, alertname="x", host="a"), moment(20))

    assert [list(group.alerts) for group in groups] == [
        [new(20, alertname="x", host="a").fingerprint]
    ]
    assert names(groups, 30) == [["x"]]
