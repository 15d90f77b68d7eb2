from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from event_system.alerting.reading.spans import span_us
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import AlertingConfigurationError
from event_system.node.alerting_file import read_alerting
from tests.support.alerting import SECOND, configuration

GOOD = """
global:
  smtp_smarthost: mail.example:587
  smtp_from: alerts@example.org
  smtp_auth_password: geheim
route:
  receiver: team
  group_by: [alertname]
  group_wait: 10s
  routes:
  - matchers: ['severity="critical"', "team=~a|b"]
    receiver: pager
    group_by: ['...']
    repeat_interval: 1h30m
    continue: true
    mute_time_intervals: [weekend]
  - match: {severity: warning}
receivers:
- name: team
  email_configs: [{to: team@example.org}]
- name: pager
  webhook_configs: [{url: "http://user:pw@hook.example/token?key=geheim"}]
  slack_configs: [{api_url: "https://slack.example/geheim", channel: '#ops'}]
  wechat_configs: [{corp_id: c, api_secret: geheim, agent_id: 1}]
  wecom_configs: [{url: "https://qyapi.example/send?key=geheim"}]
  dingtalk_configs: [{url: "https://ding.example/send?token=geheim", secret: geheim}]
inhibit_rules:
- source_matchers: ["severity=critical"]
  target_matchers: ["severity=warning"]
  equal: [alertname]
time_intervals:
- name: weekend
  time_intervals:
  - weekdays: ['saturday', 'sunday']
    times: [{start_time: '00:00', end_time: '24:00'}]
    location: Asia/Shanghai
"""


def test_a_route_takes_from_the_one_above_what_it_does_not_say() -> None:
    root = configuration(GOOD).route
    pager, warning = root.routes

    assert pager.options.receiver == "pager"
    assert pager.options.group_by_all
    assert pager.options.group_wait_us == 10 * SECOND
    assert pager.options.repeat_interval_us == 5400 * SECOND
    assert pager.key == '{}/{severity="critical",team=~"a|b"}'
    assert (warning.options.receiver, warning.options.group_by) == (
        "team",
        frozenset({"alertname"}),
    )
    assert warning.options.mute_time_intervals == ()


def test_every_receiver_has_its_channels() -> None:
    kinds = {
        name: [each.name for each in receiver.integrations]
        for name, receiver in configuration(GOOD).receivers.items()
    }

    assert kinds == {
        "team": ["email[0]"],
        "pager": ["webhook[0]", "slack[0]", "wechat[0]", "wecom[0]", "dingtalk[0]"],
    }


def test_what_is_shown_has_no_secrets_and_can_be_read_again() -> None:
    shown = configuration(GOOD).original

    assert "geheim" not in shown
    assert "pw" not in shown
    assert yaml.safe_load(shown)["route"]["receiver"] == "team"


def test_secrets_that_yaml_reads_as_numbers_are_not_shown_either() -> None:
    text = GOOD.replace("geheim\nroute", "77001\nroute").replace(
        'key=geheim"',
        'key=geheim", http_config: {authorization: {credentials: 77002}}',
        1,
    )
    text = text.replace("dingtalk_configs", "webhook_configs: []\n  dingtalk_configs")
    text = text.replace("api_secret: geheim", "api_secret: 77003").replace(
        "email_configs: [{to: team@example.org}]",
        "email_configs: [{to: team@example.org, auth_password: 77004}]",
    )
    assert text.count("7700") == 4

    shown = configuration(text).original

    assert "7700" not in shown
    assert shown.count("<secret>") >= 4


def test_a_key_that_yaml_reads_as_a_number_is_a_fault() -> None:
    with pytest.raises(AlertingConfigurationError, match="is not known here"):
        configuration(GOOD + "77: x\n")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("receiver: pager", "receiver: nobody", "there is no receiver 'nobody'"),
        ("group_wait: 10s", "group_wait: soon", "is no span"),
        ("group_wait: 10s", "group_interval: 0s", "cannot be zero"),
        ("group_wait: 10s", "group_weight: 10s", "group_weight: is not known here"),
        ("[alertname]\n  group_wait", "['a b']\n  group_wait", "is no label name"),
        ("['...']", "['...', a]", "stands alone"),
        ("[weekend]", "[holiday]", "there is no time interval 'holiday'"),
        ("team=~a|b", "team=~(", "invalid regular expression"),
        ("slack_configs", "pagerduty_configs", "of this kind are not supported; known are webhook"),
        ("channel: '#ops'", "chanel: '#ops'", "chanel: is not known here"),
        ("channel: '#ops'", "title: '{{ if }}'", "is no template"),
        ("http://user:pw@hook", "ftp://hook", "is no URL"),
        ("mail.example:587", "mail.example", "host:port"),
        ("corp_id: c,", "", "corp_id: is needed"),
        ("to: team@example.org", "to: ''", "to: is needed"),
        ("- name: pager", "- name: team", "there are two receivers 'team'"),
        ("Asia/Shanghai", "Asia/Nowhere", "there is no time zone"),
        ("'24:00'", "'00:00'", "has to come after"),
        ("'saturday'", "'caturday'", "is neither a day of the week"),
        ("'saturday'", "'friday:monday'", "ends before it begins"),
        ("inhibit_rules", "inhibit", "inhibit: is not known here"),
        ("route:", "rout:", "route: is needed"),
    ],
)  # fmt: skip
def test_a_fault_is_told(old: str, new: str, fault: str) -> None:
    assert old in GOOD
    with pytest.raises(AlertingConfigurationError) as raised:
        configuration(GOOD.replace(old, new, 1))

    assert fault in raised.value.detail
    assert "geheim" not in raised.value.detail


def test_all_faults_of_a_file_are_told_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(
        GOOD.replace("receiver: pager", "receiver: x").replace("corp_id: c,", "typo: c,")
    )

    with pytest.raises(AlertingConfigurationError) as raised:
        read_alerting(file, SystemClock())

    assert raised.value.detail.splitlines() == [
        "alertmanager.yml:24: receivers[1].wechat_configs[0].corp_id: is needed",
        "alertmanager.yml:24: receivers[1].wechat_configs[0].typo: is not known here",
        "alertmanager.yml:12: route.routes[0].receiver: there is no receiver 'x'",
    ]


def test_templates_and_secrets_come_from_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "own.tmpl").write_text('{{ define "own" }}x{{ end }}')
    (tmp_path / "secret").write_text("geheim\n")
    file = tmp_path / "alertmanager.yml"
    file.write_text(
        GOOD.replace("api_secret: geheim", "api_secret_file: secret") + "templates: ['*.tmpl']\n"
    )

    assert list(read_alerting(file, SystemClock()).receivers) == ["team", "pager"]
    (tmp_path / "own.tmpl").write_text("{{ if }}")
    (tmp_path / "secret").unlink()
    with pytest.raises(AlertingConfigurationError, match=r"own\.tmpl:1"):
        read_alerting(file, SystemClock())


@pytest.mark.parametrize(
    "text", ["", "null", "route: 1", "route: {receiver: a}", "[]", "a: [", "route: {routes: [1]}"]
)
def test_what_is_no_configuration_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(text)

    with pytest.raises(AlertingConfigurationError):
        read_alerting(file, SystemClock())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("30s", 30), ("1h30m", 5400), ("1d", 86_400), ("100ms", 0.1), ("2w", 1_209_600)],
)
def test_a_span_is_read(text: str, seconds: float) -> None:
    assert span_us(text) == seconds * SECOND


@pytest.mark.parametrize("text", ["", "5", "-1s", "1m1h", "1 s", "1.5h", "99999999y"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"span|longer"):
        span_us(text)
