from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.alerting.templates.templates import Templates
from event_system.gotemplate.functions import MAX_TEXT
from event_system.kernel.errors import TemplateError
from tests.support.alerting import alert, notification

TEMPLATES = Templates()
FIRING = msgspec.structs.replace(
    alert(alertname="Down", severity="critical", job="api"),
    ends_us=0,
    annotations={"summary": "服务 <api> down"},
    generator_url="http://p/graph",
)
RESOLVED = alert(-100, -10, alertname="Down", severity="warning", job="db")
BOTH = notification(FIRING, RESOLVED)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{ .Status }}", "firing"),
        ("{{ .Status | toUpper }}", "FIRING"),
        ("{{ .GroupLabels.alertname }}", "Down"),
        ("{{ .CommonLabels.nothing }}", ""),
        ("{{ range .Alerts }}{{ .Labels.job }},{{ end }}", "api,db,"),
        ("{{ range $i, $a := .Alerts }}{{ $i }}={{ $a.Labels.job }} {{ end }}", "0=api 1=db "),
        ("{{ range .Alerts.Resolved }}{{ .Status }}{{ end }}", "resolved"),
        ("{{ len .Alerts.Firing }}", "1"),
        ("{{ if gt (len .Alerts.Firing) 1 }}many{{ else }}one{{ end }}", "one"),
        ('{{ if eq .Status "x" "firing" }}yes{{ end }}', "yes"),
        ("{{ if .CommonAnnotations.summary }}a{{ else if .Alerts }}b{{ end }}", "b"),
        ("{{ with .CommonLabels.alertname }}{{ . }}{{ $.Status }}{{ end }}", "Downfiring"),
        ("a {{- 1 -}} b", "a1b"),
        ("a{{/* nothing */}}b", "ab"),
        ("a {{- /* nothing */ -}} b", "ab"),
        ('{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" .Status }}', "<firing>"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
        ("{{ range .Alerts }}{{ break }}{{ end }}end", "end"),
        ('{{ range .Alerts }}{{ if eq .Labels.job "api" }}{{ continue }}{{ end }}x{{ end }}', "x"),
        ("{{ range .CommonAnnotations }}x{{ else }}none{{ end }}", "none"),
        ('{{ join ", " (stringSlice "a" "b") }}', "a, b"),
        ('{{ .GroupLabels.SortedPairs.Values | join " " }}', "Down"),
        ("{{ (index .Alerts 0).Labels.severity }}", "critical"),
        ('{{ reReplaceAll "(.)o" "$1-" "foo" }}', "f-o"),
        ('{{ match "^fi" .Status }}', "true"),
        ('{{ title "hello wORLD" }}', "Hello World"),
        ('{{ printf "%s has %d, %.2f, %q" .Status 3 1.5 "x" }}', 'firing has 3, 1.50, "x"'),
        ("{{ and .Status .Alerts.Firing | len }}", "1"),
        ('{{ or .CommonLabels.nothing "b" }}', "b"),
        ("{{ not .Alerts }}", "false"),
        ("{{ .CommonLabels }}", "alertname=Down"),
        ('{{ .CommonLabels.Remove (stringSlice "alertname") | len }}', "0"),
        ("{{ (index .Alerts 0).StartsAt }}", "2026-11-21 12:00:00 +0000 UTC"),
        ("{{ (index .Alerts 0).EndsAt }}", "0001-01-01 00:00:00 +0000 UTC"),
        (
            '{{ ((index .Alerts 0).StartsAt.Add 28800e9).Format "2006-01-02 15:04:05" }}',
            "2026-11-21 20:00:00",
        ),
        ('{{ (index .Alerts 0).StartsAt | tz "Asia/Shanghai" | date "15:04 MST" }}', "20:00 CST"),
        ("{{ `raw {{` }}", "raw {{"),
        ('{{ "a\\n" | trimSpace }}', "a"),
        ("{{ .Status | urlquery }}", "firing"),
        ("{{ nil | print }}", "<no value>"),
    ],
)  # fmt: skip
def test_a_template_comes_to(template: str, text: str) -> None:
    assert TEMPLATES.text(template, BOTH) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ .Nothing }}",
        '{{ template "nothing" . }}',
        "{{ nothing }}",
        "{{ .Status.x }}",
        "{{ toUpper 1 }}",
        "{{ toUpper }}",
        "{{ $x }}",
        "{{ index .Alerts 9 }}",
        '{{ eq 1 "a" }}',
        "{{ range .Status }}{{ end }}",
        '{{ match "(" "a" }}',
        "{{ break }}",
        '{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}',
        "{{ .Alerts.append 1 }}",
        "{{ .Status.__class__ }}",
        '{{ printf "%9999d" 1 | printf "%s%s%s%s" }}{{ nothing }}',
    ],
)  # fmt: skip
def test_what_cannot_be_rendered_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        TEMPLATES.text(template, BOTH)


@pytest.mark.parametrize(
    "template",
    [
        "{{", "{{ }}", "{{ if }}{{ end }}", "{{ if true }}", "{{ end }}", "{{ else }}", "{{ ( }}",
        "{{ 1 | }}", '{{ "a }}', "{{ range . }}{{ else }}{{ else }}{{ end }}", "{{ template x }}",
        "{{ a b", "{{ ; }}", '{{ define "x" }}', "{{ (((" + "(" * 100, "{{if 1}}" * 100,
    ],
)  # fmt: skip
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        TEMPLATES.check(template)


@given(st.text(alphabet='{}-.|$"`() aif=end:1\n', max_size=40))
def test_whatever_is_given_is_read_or_refused(text: str) -> None:
    try:
        found = TEMPLATES.text(text, BOTH)
    except TemplateError:
        return
    assert len(found) <= MAX_TEXT


def test_a_template_that_would_never_end_is_stopped() -> None:
    loop = "{{ range $.Alerts }}" * 20 + "x" * 10 + "{{ end }}" * 20
    with pytest.raises(TemplateError, match=r"steps|characters"):
        TEMPLATES.text(loop, BOTH)


def test_an_error_says_where_it_is() -> None:
    with pytest.raises(TemplateError) as raised:
        Templates([("own.tmpl", "\n\n{{ if }}{{ end }}")])

    assert raised.value.where == "own.tmpl:3"


def test_html_is_escaped_and_what_is_html_is_not() -> None:
    template = '{{ (index .Alerts 0).Annotations.summary }}{{ safeHtml "<b>" }}'

    assert TEMPLATES.html(template, BOTH) == "服务 &lt;api&gt; down<b>"


def test_a_link_leads_nowhere_else_than_to_a_page() -> None:
    evil = notification(msgspec.structs.replace(FIRING, generator_url="javascript:alert(1)"))

    found = TEMPLATES.html('{{ template "email.default.html" . }}', evil)

    assert 'href="#"' in found
    assert "javascript" not in found


def test_templates_of_files_replace_the_defaults() -> None:
    own = Templates([("own.tmpl", '{{ define "slack.default.title" }}mine{{ end }}')])

    assert own.text('{{ template "slack.default.title" . }}', BOTH) == "mine"


def test_the_default_subject_names_what_is_common() -> None:
    alone = notification(FIRING)

    found = TEMPLATES.text('{{ template "email.default.subject" . }}', alone)

    assert found == "[FIRING:1] Down (api critical)"
