"""Templates of alerts come to the same text with us as with promtool."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from event_system.promql.engine import Answer, Limits, at, evaluate
from event_system.rules.memory import SeriesInMemory
from event_system.rules.model import AlertingRule
from event_system.rules.notation import labels_from
from event_system.rules.ports import Sample
from event_system.rules.texts import Place, RuleTexts

pytestmark = pytest.mark.service("prometheus")

SERIES = {
    'x{room="北厅",instance="web-1.example.org:9100",empty="",path="/a b&c"}': 1234567.891,
    'other{room="a",n="2"}': 0.5,
    'other{room="b",n="1"}': 3.0,
    'named{__value__="seven"}': 7.0,
}
URL = "https://prometheus.example.org:9090/base"
EXTERNAL = {"region": "eu", "replica": "a"}
VALUES = (
    *("0", "1", "-1", "0.5", "999", "1000", "1023", "1024", "1025", "123456", "1e6", "1e7"),
    *("123456789", "1e20", "1e21", "1e22", "0.001", "0.0001", "0.00001", "1.5e-9", "-0.25"),
    *("86400", "3661", "59.9999", "60", "90061.5", "-7200", "1e30", "1e-30", "12345.678"),
)
MOST_SECONDS = 1e15
"""Beyond what Go's integers hold its durations are none."""
TEMPLATES = [
    "{{ $labels.room }} {{ $value }}",
    "{{ $labels }}",
    "{{ .Labels.room }}/{{ .Value }}/{{ .ExternalURL }}/{{ .ExternalLabels.region }}",
    "{{ $externalLabels }} {{ $externalLabels.region }} {{ $externalURL }} {{ $labels.nothing }}|",
    '{{ printf "%.2f %5.1f|%-8.1f|%+.0f|%08.2f" $value $value $value $value $value }}',
    '{{ printf "%e %g %v %s" $value $value $value $labels.room }}',
    '{{ printf "%d %5d %x %q %t %c" 42 42 255 "a\\"b" true 65 }}',
    '{{ printf "%s" $value }} {{ printf "%d" $value }} {{ printf "%.1f" 3 }}',
    '{{ printf "%d" }} {{ printf "%d" 1 2 }} {{ printf "100%%" }}',
    '{{ printf "%10s|%-10s|%.2s" "abc" "abc" "abc" }}',
    '{{ query "other > 1" | first | value }} {{ query "other > 1" | first | label "room" }}',
    '{{ range query "other" | sortByLabel "n" }}{{ .Labels.room }}={{ .Value }};{{ end }}',
    '{{ range $i, $s := query "other" | sortByLabel "room" }}{{ $i }}:{{ $s.Value }} {{ end }}',
    '{{ with query "nothing" }}some{{ else }}none{{ end }}',
    '{{ query "named" | first | strvalue }}',
    '{{ query "sum(other)" | first | value | humanize }}',
    '{{ $labels.instance | stripPort }} {{ "web.example.org:80" | stripDomain }}',
    '{{ "10.0.0.1:80" | stripDomain }} {{ "[::1]:80" | stripPort }} {{ "host" | stripPort }}',
    '{{ "host.example.org" | stripDomain }} {{ "[::1]:80" | stripDomain }}',
    '{{ tableLink "up == 0" }} {{ graphLink "rate(x[5m]) > 1" }}',
    '{{ title "hello world" }} {{ toUpper "aä" }} {{ "ABC" | toLower }}',
    '{{ reReplaceAll "(\\\\w+)-(\\\\d+)" "$2:$1" $labels.instance }} {{ match "^web" $labels.instance }}',
    '{{ parseDuration "1h30m" }} {{ "90s" | parseDuration }}',
    '{{ if gt $value 1000.0 }}big{{ else }}small{{ end }}{{ if eq $labels.room "北厅" }}!{{ end }}',
    '{{ if and (gt $value 1.0) (ne $labels.room "a") }}both{{ end }}{{ or "" "x" }}',
    "{{- $labels.room -}}   trimmed   {{- 1 -}}",
    "{{/* nothing */}}text {{ 1.5 }} {{ 2 }} {{ true }} {{ `raw` }}",
    '{{ len $labels.room }} {{ index $labels "room" }} {{ urlquery $labels.path }}',
    '{{ $x := 5 }}{{ $x }}{{ $x = 6 }}{{ $x }}{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" $x }}',
    '{{ with args 1 "b" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}',
    '{{ $value | humanize | printf "%s requests" }}',
    "{{ 0 | humanizeTimestamp }} {{ 1435065584.128 | humanizeTimestamp }}",
    "{{ 1435065584 | humanizeTimestamp }} {{ 1435065584.128 | toTime }}",
    '{{ html "<a&b>" }} {{ js "it\'s" }} {{ print 1 2 "a" "b" 3 }}',
    *(
        f'{{{{ {value} | {name} }}}} {{{{ "{value}" | {name} }}}}'
        for name in ("humanize", "humanize1024", "humanizeDuration", "humanizePercentage")
        for value in VALUES
        if name != "humanizeDuration" or float(value) < MOST_SECONDS
    ),
    *(
        f"{{{{ {value} }}}}|{{{{ {value}.0 }}}}"
        for value in ("1", "123456", "1000000", "123456789")
    ),
    *(f'{{{{ query "vector({value})" | first | value }}}}' for value in VALUES),
    '{{ query "vector(NaN)" | first | value }} {{ query "vector(Inf)" | first | value | humanize }}',
    '{{ query "-vector(Inf)" | first | value | printf "%.2f %5.1f %v" }}',
]


def ours() -> list[str]:
    world = SeriesInMemory()
    world.append([Sample(labels_from(text), 0, value) for text, value in SERIES.items()])

    def ask(query: str, moment_ms: int) -> Answer:
        return evaluate(world, Limits(), at(query, moment_ms), lambda: None)

    row = ask("x", 0).series[0]
    rule = AlertingRule("a", "x", (), tuple((str(n), text) for n, text in enumerate(TEMPLATES)))
    texts = RuleTexts(rule, Place(EXTERNAL, URL)).at(0, ask)
    return [text for _, text in texts(row.labels, float(row.values[0]))[1]]


def test_every_template_comes_to_the_same_text(tmp_path: Path) -> None:
    made = ours()
    rules = [
        {"alert": f"Template{number}", "expr": "x", "annotations": {"text": text}}
        for number, text in enumerate(TEMPLATES)
    ]
    labels = {name: value for name, value in labels_from(next(iter(SERIES))) if name[0] != "_"}
    test = {
        "interval": "1m",
        "input_series": [{"series": text, "values": repr(v)} for text, v in SERIES.items()],
        "external_labels": EXTERNAL,
        "external_url": URL,
        "alert_rule_test": [
            {
                "alertname": f"Template{number}",
                "eval_time": "0m",
                "exp_alerts": [{"exp_labels": labels, "exp_annotations": {"text": text}}],
            }
            for number, text in enumerate(made)
        ],
    }
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    tests = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "tests.yml").write_text(json.dumps(tests))

    done = subprocess.run(
        ["promtool", "test", "rules", "tests.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
