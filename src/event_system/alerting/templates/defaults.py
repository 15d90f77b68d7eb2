"""The templates that receivers use where nothing else is given."""

from __future__ import annotations

from typing import Final

_SHARED: Final = """
{{ define "__alertmanager" }}Alertmanager{{ end }}
{{ define "__alertmanagerURL" }}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}{{ end }}

{{ define "__subject" }}
{{- if gt .Count 1 }}({{ .Count }} in one) {{ end }}
{{- printf "[%s" (.Status | toUpper) }}{{ if eq .Status "firing" }}:{{ len .Alerts.Firing }}{{ end }}
{{- "] " }}{{ join " " .GroupLabels.SortedPairs.Values }}{{ " " }}
{{- if gt (len .CommonLabels) (len .GroupLabels) -}}
({{ with .CommonLabels.Remove .GroupLabels.Names }}{{ join " " .Values }}{{ end }})
{{- end }}{{ end }}

{{ define "__text_alert_list" }}{{ range . }}Labels:
{{ range $pair := .Labels.SortedPairs }} - {{ $pair.Name }} = {{ $pair.Value }}
{{ end }}Annotations:
{{ range $pair := .Annotations.SortedPairs }} - {{ $pair.Name }} = {{ $pair.Value }}
{{ end }}{{ with .Updates }}Updates since it began: {{ . }}
{{ end }}Source: {{ .GeneratorURL }}
{{ end }}{{ end }}
"""

_CHAT: Final = """
{{ define "slack.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "slack.default.username" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "slack.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "slack.default.fallback" }}{{ template "__subject" . }} | {{ template "__alertmanagerURL" . }}{{ end }}
{{ define "slack.default.callbackid" }}{{ end }}
{{ define "slack.default.pretext" }}{{ end }}
{{ define "slack.default.iconemoji" }}{{ end }}
{{ define "slack.default.iconurl" }}{{ end }}
{{ define "slack.default.text" }}{{ range $alert := .Alerts }}{{ with $alert.Updates }}{{ $alert.Labels.alertname }} (updates: {{ . }})
{{ end }}{{ end }}{{ end }}
{{ define "slack.default.footer" }}{{ end }}

{{ define "wechat.default.message" }}{{ template "__subject" . }}
{{ join " " .CommonAnnotations.SortedPairs.Values }}
{{ with .Alerts.Firing -}}
Alerts Firing:
{{ template "__text_alert_list" . }}
{{- end }}
{{ with .Alerts.Resolved -}}
Alerts Resolved:
{{ template "__text_alert_list" . }}
{{- end }}
AlertmanagerUrl:
{{ template "__alertmanagerURL" . }}
{{- end }}
{{ define "wechat.default.to_user" }}{{ end }}
{{ define "wechat.default.to_party" }}{{ end }}
{{ define "wechat.default.to_tag" }}{{ end }}
{{ define "wechat.default.agent_id" }}{{ end }}

{{ define "apprise.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "apprise.default.message" }}{{ range .Alerts }}
{{- .Status }}: {{ .Labels.alertname }}{{ with .Labels.level }} ({{ . }}){{ end }} {{ .Annotations.summary }} {{ .Annotations.description }}
{{- with .Updates }} (updates: {{ . }}){{ end }}{{ with .Annotations.acknowledge_url }}
acknowledge: {{ . }}{{ end }}
{{ end }}{{ template "__alertmanagerURL" . }}{{ end }}

{{ define "dingtalk.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "dingtalk.default.message" }}### {{ template "__subject" . }}
{{ range .Alerts }}
- **{{ .Status }}** {{ .Labels.alertname }}: {{ .Annotations.summary }} {{ .Annotations.description }}{{ with .Updates }} (updates: {{ . }}){{ end }}
{{ end }}{{ end }}
"""

_MAIL: Final = """
{{ define "email.default.subject" }}{{ template "__subject" . }}{{ end }}
{{ define "email.default.text" }}{{ template "__subject" . }}

{{ template "__text_alert_list" .Alerts }}{{ end }}
"""

DEFAULTS: Final = _SHARED + _CHAT + _MAIL
